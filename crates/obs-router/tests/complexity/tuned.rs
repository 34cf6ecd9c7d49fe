//! Prompts that the weights were set with.

/// Must come out as complex.
pub(crate) const HARD: &[(&str, &str)] = &[
    (
        "chemistry",
        "The rate constant of a first-order reaction doubles when the temperature rises from 300 K to 310 K. Estimate the activation energy, and state the assumption under which the Arrhenius equation gives it.",
    ),
    (
        "chemistry",
        "Which of the following compounds shows optical activity, and what is its point group?\nA. trans-1,2-dichlorocyclopropane\nB. cis-1,2-dichlorocyclopropane\nC. 1,1-dichlorocyclopropane\nD. allene",
    ),
    (
        "chemistry",
        "An unknown compound C8H10O shows a singlet at 2.3 ppm (3H), a doublet at 6.8 (2H), a doublet at 7.1 (2H) and a singlet at 3.8 (3H) in its proton NMR. Propose a structure and assign every signal.",
    ),
    (
        "chemistry",
        "将0.50摩尔的氮气与1.50摩尔的氢气通入2升的密闭容器中，达到平衡时氨的物质的量为0.40摩尔。计算平衡常数，并说明升温对平衡的影响。",
    ),
    (
        "physics",
        "A particle of mass m is confined to the surface of a sphere of radius R. What is the degeneracy of the second excited level once a weak uniform field is switched on along z?",
    ),
    (
        "physics",
        "An electron enters a uniform magnetic field of 0.2 T at an angle of 30 degrees with a speed of 2 x 10^6 m/s. Determine the radius and the pitch of its helical path.",
    ),
    (
        "physics",
        "Derive the dispersion relation of a diatomic chain with masses m and M and a single spring constant.",
    ),
    (
        "physics",
        "Ein Satellit der Masse 500 kg umkreist die Erde in 400 km Höhe. Berechnen Sie seine Bahngeschwindigkeit, seine Umlaufzeit und die Energie, die nötig wäre, um ihn auf 800 km anzuheben.",
    ),
    (
        "physics",
        "Why can a photon not decay into an electron and a positron in empty space, although energy conservation alone would allow it?",
    ),
    (
        "proof",
        "Prove that for every prime p > 3 the number p^2 - 1 is divisible by 24.",
    ),
    (
        "proof",
        "Prove that there are infinitely many primes congruent to 3 modulo 4.",
    ),
    ("proof", "Prove that there are infinitely many primes."),
    ("proof", "Show that $\\sqrt{2} + \\sqrt{3}$ is irrational."),
    (
        "proof",
        "Let n be a positive integer with exactly four divisors. Show that the product of its divisors equals n squared.",
    ),
    (
        "proof",
        "Beweise, dass es unendlich viele Primzahlen der Form 6k+5 gibt.",
    ),
    (
        "proof",
        "Démontrer que tout nombre premier supérieur à 3 est de la forme 6k ± 1.",
    ),
    ("proof", "证明：对任意正整数n，n^5-n能被30整除。"),
    ("proof", "أثبت أن الجذر التربيعي للعدد 2 عدد غير نسبي."),
    (
        "legal",
        "Review this clause and tell me where the risk lies: The Supplier shall indemnify, defend and hold harmless the Customer from and against any and all losses arising out of or in connection with any breach of this Agreement, save to the extent that such losses result from the gross negligence or wilful misconduct of the Customer.",
    ),
    (
        "legal",
        "Either party may terminate this Agreement for convenience upon ninety (90) days' written notice; provided, however, that Sections 4, 7 and 11 shall survive. Can the vendor keep the prepaid annual fee if the customer terminates in month three?",
    ),
    (
        "legal",
        "Analice la siguiente cláusula: «El arrendatario renuncia expresamente a cualquier indemnización por resolución anticipada, salvo dolo del arrendador». ¿Es válida frente a un consumidor?",
    ),
    (
        "legal",
        "Under a force majeure clause that lists epidemics but not government orders, is a venue excused when the city bans gatherings?",
    ),
    (
        "clinical",
        "A 67-year-old man with a history of hypertension presents with crushing chest pain radiating to his left arm for two hours. His ECG shows ST elevation in II, III and aVF, and his blood pressure is 88/54. What should be avoided, and why?",
    ),
    (
        "clinical",
        "54F, hx of T2DM, 3 days of fever 39.2, flank pain, BP 88/50, HR 122, lactate 4.1. What is the next step?",
    ),
    (
        "clinical",
        "Ein fünfjähriges Kind hat seit sechs Tagen hohes Fieber, beidseitige Konjunktivitis, einen Ausschlag am Rumpf und rissige Lippen. Welche Diagnose ist am wahrscheinlichsten, und welche Komplikation muss man verhindern?",
    ),
    (
        "clinical",
        "45歳の男性が、突然の激しい頭痛と嘔吐を訴えて来院した。項部硬直があり、頭部CTでは異常を認めない。次に行うべき検査は何か、またその理由を述べよ。",
    ),
    (
        "logic",
        "Alice is older than Bob. Bob is older than Carol. Dave is younger than Carol but older than Eve. Who is in the middle?",
    ),
    (
        "logic",
        "On an island, knights always tell the truth and knaves always lie. A says: \"We are both knaves.\" What are A and B?",
    ),
    (
        "logic",
        "Five houses stand in a row, each of a different colour. The Norwegian lives in the first house, next to the blue one. The Brit lives in the red house, the owner of the green house drinks coffee, and the green house is immediately to the left of the white one. Who lives in the yellow house?",
    ),
    (
        "logic",
        "A farmer must cross a river with a wolf, a goat and a cabbage. His boat holds himself and one of them. The wolf eats the goat, and the goat eats the cabbage, if they are left alone. How does he do it?",
    ),
    (
        "logic",
        "Tres amigos, Luis, Marta y Pedro, tienen profesiones distintas. El médico es hijo único. Pedro es mayor que el abogado. Marta tiene un hermano y gana menos que el ingeniero. ¿Quién es quién?",
    ),
    (
        "word problem",
        "Tom has 5 apples and buys 3 more, then gives 2 away. How many are left?",
    ),
    (
        "word problem",
        "If a train travels 60 miles in 2 hours, how far does it go in 5 hours?",
    ),
    (
        "word problem",
        "A shop sells pencils at 3 for $1. Lena buys 18 pencils and pays with a $10 note. How much change does she get?",
    ),
    (
        "word problem",
        "A farmer has twice as many sheep as goats. If he has ten goats and sells three sheep, how many animals remain?",
    ),
    (
        "word problem",
        "Jonas spart jede Woche 4 Euro. Er hat schon 26 Euro und möchte ein Spiel für 58 Euro kaufen. Nach wie vielen Wochen reicht sein Geld?",
    ),
    (
        "word problem",
        "小明有5个苹果，又买了3个，然后给了小红2个。他还剩多少个苹果？",
    ),
    (
        "word problem",
        "りんごが12個あります。3人で同じ数ずつ分け、1人が2個食べました。その人には何個残っていますか？",
    ),
    (
        "word problem",
        "En una granja hay 8 vacas, el triple de gallinas y la mitad de cerdos que de vacas. ¿Cuántas patas hay en total?",
    ),
    (
        "word problem",
        "У Маши было 20 конфет. Она съела 5, а половину остатка отдала брату. Сколько конфет у неё осталось?",
    ),
    (
        "code",
        "Why does this deadlock?\n```rust\nlet a = lock.lock().unwrap();\nlet b = cache.get(&key, || lock.lock().unwrap().len());\nprintln!(\"{a:?} {b}\");\nfor x in items.iter() {\n    if x.id == b { break; }\n}\n```",
    ),
    (
        "constraints",
        "Plan a three-day trip to Lisbon:\n- two adults and a toddler who naps from one to three\n- no more than 200 euros a day without the hotel\n- at least one museum each day, none of them on Monday\n- everything reachable by tram or on foot",
    ),
    (
        "chemistry",
        "Calculate the change in entropy when 2 moles of an ideal gas expand isothermally from 10 L to 20 L.",
    ),
    (
        "physics",
        "What is the expectation value of the Hamiltonian for a particle in the state ψ = (1/√2)(φ1 + φ2)?",
    ),
    (
        "chemistry",
        "Determine the major product of the Diels-Alder reaction between cyclopentadiene and maleic anhydride.",
    ),
    (
        "chemistry",
        "What is the major product when 2-methylcyclohexanone reacts with LDA followed by methyl iodide?",
    ),
    (
        "legal",
        "Analyze this clause: 'The Contractor shall not be liable for indirect damages.' Is it enforceable under English law?",
    ),
    ("proof", "Prove that √2 is irrational"),
    ("proof", "Prove Fermat's little theorem."),
    (
        "proof",
        "Prove by induction that the sum of the first n odd numbers is n^2.",
    ),
    (
        "proof",
        "Show that the product of any three consecutive integers is divisible by 6.",
    ),
    (
        "word problem",
        "A bat and a ball cost $1.10. The bat costs $1 more than the ball. How much is the ball?",
    ),
    (
        "word problem",
        "If 5 machines take 5 minutes to make 5 widgets, how long for 100 machines to make 100 widgets?",
    ),
    (
        "logic",
        "Sarah has 3 brothers and 2 sisters. How many sisters does each of Sarah's brothers have?",
    ),
    (
        "clinical",
        "A 45-year-old woman presents with fatigue, weight gain, and cold intolerance. TSH is 12. What is the diagnosis?",
    ),
    (
        "clinical",
        "Patient with fever, a stiff neck and a petechial rash. What do you give first?",
    ),
    (
        "logic",
        "All bloops are razzies and all razzies are lazzies. Are all bloops lazzies?",
    ),
    (
        "legal",
        "Analyze the enforceability of a non-compete clause that lasts two years and covers all of Europe.",
    ),
    (
        "legal",
        "Explain the legal effect of this clause: \"Time shall be of the essence in respect of all payment obligations under this Agreement.\"",
    ),
    (
        "logic",
        "Ein Mann schaut auf ein Porträt und sagt: Brüder und Schwestern habe ich keine, aber der Vater dieses Mannes ist der Sohn meines Vaters. Wer ist auf dem Porträt?",
    ),
    (
        "clinical",
        "某患者，男，60岁，突发胸痛2小时，心电图示II、III、aVF导联ST段抬高，首选治疗是什么？",
    ),
    (
        "legal",
        "请分析以下合同条款的法律风险：乙方应在收到甲方通知后三日内支付全部款项，逾期按日加收千分之五的违约金。",
    ),
    (
        "word problem",
        "鶴と亀が合わせて10匹、足の数は合わせて28本です。鶴は何匹いますか。",
    ),
    (
        "word problem",
        "물통에 물이 12리터 있습니다. 3리터를 쓰고 나머지를 3명이 똑같이 나누면 한 사람은 몇 리터를 가지나요?",
    ),
    (
        "word problem",
        "राम के पास 20 आम थे। उसने 5 आम श्याम को दिए और 3 खा लिए। अब उसके पास कितने आम हैं?",
    ),
    (
        "proof",
        "Докажите, что сумма двух последовательных нечётных чисел делится на 4.",
    ),
    (
        "word problem",
        "Maria tem 12 laranjas, come 2 por dia e compra 4 no terceiro dia. Quantas restam no fim de 5 dias?",
    ),
    (
        "physics",
        "A ball is thrown upward at 20 m/s from a 15 m tower. When does it hit the ground?",
    ),
    (
        "mathematics",
        "Find all integer solutions of x^2 - 7y^2 = 1.",
    ),
    (
        "mathematics",
        "Compute the Galois group of x^4 - 2 over the rationals.",
    ),
    (
        "clinical",
        "Describe the mechanism by which ACE inhibitors cause angioedema and how you would treat it.",
    ),
    (
        "logic",
        "Four people cross a bridge at night with one torch. They take 1, 2, 5 and 10 minutes. What is the least total time?",
    ),
    (
        "code",
        "Write a SQL query that returns, for each customer, the month with the highest revenue and its share of the year.",
    ),
    (
        "word problem",
        "Betty saves for a wallet which costs $100. She has only half of the money she needs. Her parents give her $15 and her grandparents twice as much. How much more does she need?",
    ),
];

/// Must come out as simple.
pub(crate) const EASY: &[(&str, &str)] = &[
    ("greeting", "hi"),
    ("greeting", "Hello!"),
    ("greeting", "Good morning"),
    ("greeting", "Hi there! How are you doing today?"),
    (
        "greeting",
        "Hello! I hope you're having a great day. How are you?",
    ),
    ("greeting", "thanks!"),
    ("greeting", "ok, bye"),
    ("greeting", "Guten Morgen! Wie geht's?"),
    ("greeting", "Hola, ¿qué tal?"),
    ("greeting", "你好！"),
    ("greeting", "你好，很高兴认识你。你今天怎么样？"),
    ("greeting", "مرحبا، كيف حالك؟"),
    ("greeting", "नमस्ते, आप कैसे हैं?"),
    ("greeting", "안녕하세요! 잘 지내세요?"),
    ("greeting", "Привет, как дела?"),
    ("look-up", "What is the capital of France?"),
    ("look-up", "Who wrote Pride and Prejudice?"),
    ("look-up", "When did the Second World War end?"),
    (
        "look-up",
        "What is the boiling point of water at sea level in Celsius?",
    ),
    ("look-up", "Which planet is closest to the sun?"),
    (
        "look-up",
        "How many days are there in February in a leap year?",
    ),
    (
        "look-up",
        "Who was the 16th president of the United States?",
    ),
    (
        "look-up",
        "Who won the 2014 World Cup final between Germany and Argentina?",
    ),
    (
        "look-up",
        "What is the name of the actor who played the main character in the movie Forrest Gump?",
    ),
    ("look-up", "What is the square root of 144?"),
    ("look-up", "What is 15% of 80?"),
    ("look-up", "What is 2 + 2?"),
    ("look-up", "What's the weather like in Madrid in October?"),
    ("look-up", "Define photosynthesis"),
    ("look-up", "What does `ls -la` do?"),
    ("look-up", "Wann wurde die Berliner Mauer gebaut?"),
    ("look-up", "Was ist die Donaudampfschifffahrtsgesellschaft?"),
    ("look-up", "¿Quién escribió Don Quijote de la Mancha?"),
    ("look-up", "Quelle est la capitale du Canada ?"),
    ("look-up", "法国的首都是哪里？"),
    ("look-up", "日本で一番高い山は何ですか？"),
    ("look-up", "대한민국의 수도는 어디인가요?"),
    ("look-up", "ما هو أكبر كوكب في المجموعة الشمسية؟"),
    ("look-up", "Столица Австралии?"),
    ("conversion", "Convert 10 miles to kilometers"),
    ("conversion", "Convert 5 feet 11 inches to centimeters."),
    ("conversion", "Convert 72°F to Celsius"),
    (
        "conversion",
        "Convert this JSON to YAML: {\"name\": \"Alice\", \"age\": 30, \"tags\": [\"a\", \"b\"], \"address\": {\"city\": \"Paris\", \"zip\": \"75001\"}}",
    ),
    (
        "conversion",
        "Convert the following CSV to JSON:\nname,age,city\nAlice,30,Paris\nBob,25,Berlin\nCarol,41,Madrid",
    ),
    (
        "conversion",
        "Format the following as JSON: name is Bob, age 42, lives at 12 Main Street, phone 555-1234",
    ),
    (
        "conversion",
        "Change this date to ISO format: March 5, 2023",
    ),
    (
        "conversion",
        "Convert 2024-03-15T14:30:00Z to a human readable date",
    ),
    (
        "conversion",
        "Rewrite in uppercase: the quick brown fox jumps over the lazy dog",
    ),
    (
        "conversion",
        "Convert these temperatures to Fahrenheit: 10, 20, 30, 40",
    ),
    (
        "conversion",
        "Sort these alphabetically:\n- pear\n- apple\n- fig\n- banana",
    ),
    (
        "conversion",
        "Turn this XML into JSON:\n<order>\n  <id>17</id>\n  <item>lamp</item>\n  <qty>2</qty>\n  <price>19.90</price>\n</order>",
    ),
    (
        "conversion",
        "Make this a bulleted list: milk, eggs, bread, butter, apples, coffee",
    ),
    (
        "conversion",
        "Reformat this phone number as +1 (555) 123-4567: 5559876543",
    ),
    (
        "conversion",
        "Decode this base64: aGVsbG8gd29ybGQsIHRoaXMgaXMgYSBsb25nZXIgc3RyaW5nIG9mIHRleHQ=",
    ),
    ("conversion", "Wandle 3,5 Stunden in Minuten um."),
    ("conversion", "把下面的文字转换成大写：hello world"),
    (
        "conversion",
        "Convierte esta lista en una tabla: rojo, verde, azul, amarillo",
    ),
    (
        "conversion",
        "Convert this to a comma-separated list:\nred\ngreen\nblue\nyellow",
    ),
    (
        "conversion",
        "Convert this table to HTML:\n| name | qty |\n|------|-----|\n| pen  | 3   |\n| cup  | 1   |",
    ),
    (
        "conversion",
        "Translate 'Good morning, how are you?' to Japanese",
    ),
    (
        "conversion",
        "Convert the following temperature from Celsius to Fahrenheit: 37.5",
    ),
    ("conversion", "Convert 1,250 USD to EUR at a rate of 0.92"),
    (
        "look-up",
        "What is the time difference between New York and London?",
    ),
    (
        "conversion",
        "Convert this list to JSON array: apples, bananas, cherries, dates",
    ),
    (
        "conversion",
        "Convert the following text to lowercase: HELLO WORLD, THIS IS A TEST",
    ),
    (
        "conversion",
        "Format this phone number: 5551234567 -> (555) 123-4567",
    ),
    (
        "conversion",
        "Convert this Python dict to JSON: {'a': 1, 'b': [1, 2, 3], 'c': None}",
    ),
    (
        "conversion",
        "Convert this SQL result to CSV:\nid | name | age\n1 | Bob | 30\n2 | Ann | 25",
    ),
    ("conversion", "Convert 0b1011 to decimal"),
    ("conversion", "Convert #FF5733 to RGB"),
    (
        "conversion",
        "Convert \"March 3rd, 2024 at 5pm EST\" to UTC in ISO 8601",
    ),
    (
        "greeting",
        "Hi, I'm John, nice to meet you! What can you do?",
    ),
    ("greeting", "Can you help me?"),
    ("greeting", "What can you help me with today?"),
    (
        "greeting",
        "Could you please tell me what the capital of Australia is? Thanks!",
    ),
    ("look-up", "What's the difference between HTTP and HTTPS?"),
    ("look-up", "List the planets of the solar system in order"),
    ("look-up", "How do you say 'thank you' in Japanese?"),
    (
        "conversion",
        "Reformat the following address on one line:\n123 Main St\nSpringfield, IL 62704\nUSA",
    ),
    (
        "conversion",
        "Convert this paragraph to bullet points: We need milk, eggs and bread. Also pick up the dry cleaning. Don't forget to call mom.",
    ),
    (
        "conversion",
        "Convert the following JSON to CSV:\n[\n  {\"id\": 1, \"name\": \"Ann\", \"email\": \"ann@example.com\"},\n  {\"id\": 2, \"name\": \"Bob\", \"email\": \"bob@example.com\"}\n]",
    ),
    (
        "conversion",
        "Please convert the following CSV data into a JSON array of objects:\n\nid,name,price\n1,Widget,9.99\n2,Gadget,19.99\n3,Gizmo,4.50\n\nReturn only the JSON.",
    ),
    (
        "conversion",
        "Convert this HTML to Markdown: <h1>Title</h1><p>Some <b>bold</b> text.</p>",
    ),
    ("conversion", "Convert 90 minutes to hours and minutes."),
    ("conversion", "Convert 1 mile, 2 yards and 3 feet to meters"),
    ("conversion", "Convert Roman numeral MCMXCIV to a number"),
    (
        "conversion",
        "Convert the time 3:45 PM in New York to London time",
    ),
    ("look-up", "Who is the CEO of Microsoft?"),
    ("look-up", "What's the atomic number of carbon?"),
    ("look-up", "What year was the Eiffel Tower completed?"),
    (
        "look-up",
        "When was Albert Einstein born and when did he die?",
    ),
    ("look-up", "What is the population of Brazil?"),
    ("look-up", "How far is the Moon from the Earth?"),
    ("look-up", "What is the currency of Japan?"),
    ("greeting", "hello, is anyone there?"),
    ("greeting", "What's up?"),
    ("greeting", "Nice to meet you"),
    ("greeting", "Thank you very much for your help!"),
    ("greeting", "Bonjour, comment allez-vous aujourd'hui ?"),
    ("greeting", "Konnichiwa"),
    ("greeting", "おはようございます"),
    ("greeting", "早上好！"),
    ("greeting", "안녕하세요"),
    ("look-up", "Kto napisał Pana Tadeusza?"),
    ("look-up", "Quem descobriu o Brasil?"),
    ("look-up", "Chi ha dipinto la Gioconda?"),
    ("look-up", "水的沸点是多少摄氏度？"),
    ("look-up", "光の速さは秒速何キロメートルですか？"),
    ("look-up", "नेपाल की राजधानी क्या है?"),
    ("look-up", "Türkiye'nin başkenti neresidir?"),
    ("conversion", "Rechne 20 Zoll in Zentimeter um."),
    ("conversion", "Convertis 100 euros en dollars."),
    (
        "conversion",
        "将以下JSON转换为YAML：{\"name\": \"张三\", \"age\": 28, \"city\": \"北京\"}",
    ),
    (
        "conversion",
        "次のリストをカンマ区切りにしてください：りんご、みかん、ぶどう",
    ),
    (
        "conversion",
        "Convert this log line to JSON: 2024-05-01 12:00:03 ERROR auth: login failed for user bob",
    ),
    (
        "conversion",
        "Turn the following key=value pairs into a JSON object:\nhost=db.internal\nport=5432\nuser=app\npassword=secret\nssl=true",
    ),
    (
        "conversion",
        "Capitalize the first letter of each word: the old man and the sea",
    ),
    ("conversion", "Alphabetize: zebra, monkey, ant, lion, bear"),
    (
        "conversion",
        "Remove the duplicates from this list: 1, 2, 2, 3, 3, 3, 4",
    ),
    (
        "conversion",
        "Convert the following YAML to TOML:\n\nversion: '3'\nservices:\n  web:\n    image: nginx\n    ports:\n      - \"80:80\"\n  db:\n    image: postgres\n    environment:\n      POSTGRES_PASSWORD: example",
    ),
];
