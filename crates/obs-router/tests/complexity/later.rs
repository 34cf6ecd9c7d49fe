//! Prompts written when the weights stood, to look at them once more.

/// Must come out as complex. Eighteen did at once; a proof asked for politely and code in fences were read better then.
pub(crate) const HARD: &[(&str, &str)] = &[
    (
        "physics",
        "Estimate the Debye temperature of copper from its speed of sound and compare it with the measured value. State every assumption.",
    ),
    (
        "chemistry",
        "Consider the reaction of cyclohexanone with hydroxylamine followed by treatment with concentrated sulfuric acid. Draw the mechanism and name the product.",
    ),
    (
        "physics",
        "A star of mass 12 solar masses leaves the main sequence. Outline the burning stages until core collapse and give the timescale of each.",
    ),
    (
        "proof",
        "Let G be a finite group of order pq with primes p < q. Prove that G has a normal subgroup of order q.",
    ),
    (
        "proof",
        "Montrez que la suite définie par u0 = 1 et u(n+1) = sqrt(2 + u(n)) converge, et déterminez sa limite.",
    ),
    (
        "proof",
        "Zeigen Sie, dass es keine rationale Zahl gibt, deren Quadrat 3 ist.",
    ),
    (
        "legal",
        "The tenant shall not make any alterations without the landlord's consent, such consent not to be unreasonably withheld. The landlord has refused consent to install solar panels because of their appearance. Advise the tenant.",
    ),
    (
        "clinical",
        "A 7-year-old boy has a two-week history of polyuria, weight loss and now vomiting. He breathes deeply and smells of acetone. Glucose is 31 mmol/l, pH 7.08. Describe the first hour of treatment and the main danger.",
    ),
    (
        "clinical",
        "68歳女性。数日前から右下肢の腫脹と疼痛があり、今朝から突然の呼吸困難を訴える。SpO2 88%、心拍数120/分。診断と初期対応を述べよ。",
    ),
    (
        "logic",
        "Six people sit around a round table. Paul is opposite Quinn, Rita is next to Sam, and Tina is not next to Paul. Where does Uma sit?",
    ),
    (
        "logic",
        "You have 12 coins, one of which is lighter or heavier. Find it in three weighings on a balance.",
    ),
    (
        "word problem",
        "A tank is filled by one pipe in 6 hours and by another in 4. How long do both need together?",
    ),
    (
        "word problem",
        "Lisa reads 20 pages on Monday, twice as many on Tuesday and half of the remaining 90 pages on Wednesday. How many pages are left?",
    ),
    (
        "word problem",
        "Un commerçant achète 15 chemises à 12 euros et les revend 20 euros chacune, sauf 3 qu'il brade à 8 euros. Quel est son bénéfice ?",
    ),
    (
        "word problem",
        "Uma loja vende 3 canetas por 5 reais. Quanto custam 18 canetas com desconto de 10%?",
    ),
    (
        "word problem",
        "चार दोस्तों ने मिलकर 480 रुपये का खाना खाया। एक ने दूसरों से दोगुना दिया। प्रत्येक ने कितना दिया?",
    ),
    (
        "word problem",
        "Bir çiftçinin 36 tavuğu var. Her gün tavukların üçte ikisi yumurtluyor ve bir düzinesi 40 liraya satılıyor. Haftada ne kadar kazanır?",
    ),
    (
        "code",
        "Refactor this so that it does not block the event loop:\n```js\nfunction load(dir) {\n  const files = fs.readdirSync(dir);\n  return files.map(f => JSON.parse(fs.readFileSync(f)));\n}\n```",
    ),
    (
        "legal",
        "في شركة تضامن، انسحب أحد الشركاء دون إخطار الآخرين ثم طالب الدائنون الشركة بديون سابقة على انسحابه. هل يظل مسؤولاً عنها، وما الأساس القانوني لذلك؟",
    ),
    (
        "clinical",
        "Ein Patient mit Leberzirrhose entwickelt Fieber, Bauchschmerzen und zunehmenden Aszites. Im Punktat finden sich 480 Granulozyten pro Mikroliter. Wie behandeln Sie, und was geben Sie zusätzlich?",
    ),
];

/// Must come out as simple, and did at once.
pub(crate) const EASY: &[(&str, &str)] = &[
    ("greeting", "Hello, my name is Priya. Nice to meet you!"),
    ("greeting", "yo"),
    ("greeting", "Bonsoir !"),
    ("greeting", "Hyvää huomenta"),
    ("greeting", "晚安"),
    ("greeting", "شكرا جزيلا"),
    ("look-up", "What is the tallest building in the world?"),
    ("look-up", "Who discovered penicillin?"),
    ("look-up", "What's the capital city of New Zealand?"),
    ("look-up", "How many players are on a soccer team?"),
    ("look-up", "What does HTTP stand for?"),
    ("look-up", "In what year was the first iPhone released?"),
    ("look-up", "Qual è la capitale del Portogallo?"),
    ("look-up", "Quel est le plus long fleuve de France ?"),
    ("look-up", "Сколько планет в Солнечной системе?"),
    ("look-up", "한글은 누가 만들었나요?"),
    ("look-up", "Who sang \"Bohemian Rhapsody\"?"),
    (
        "look-up",
        "What is the symbol for potassium on the periodic table?",
    ),
    ("conversion", "Convert 5 kilograms to pounds."),
    ("conversion", "Convert 2.5 hours into seconds"),
    (
        "conversion",
        "Convert this list to a Python array: red, green, blue",
    ),
    (
        "conversion",
        "Change the following sentence to all lowercase: THE MEETING IS AT NOON.",
    ),
    (
        "conversion",
        "Convert this JSON to XML:\n{\n  \"book\": {\n    \"title\": \"Dune\",\n    \"author\": \"Frank Herbert\",\n    \"year\": 1965\n  }\n}",
    ),
    ("conversion", "Convert the date 12/31/1999 to words"),
    ("conversion", "Turn this into snake_case: myVariableName"),
    (
        "conversion",
        "Convert this TSV to CSV:\nid\tname\tscore\n1\tAnn\t90\n2\tBob\t85",
    ),
    ("conversion", "Write the number 1,234,567 in words"),
    (
        "conversion",
        "Escape this string for JSON: He said \"hello\" to me",
    ),
    (
        "conversion",
        "Formatiere diese Liste als CSV: Äpfel; Birnen; Kirschen; Pflaumen",
    ),
    (
        "conversion",
        "Convert this Markdown to HTML:\n# Title\n\nSome *emphasis* and a [link](https://example.com).\n\n- one\n- two",
    ),
];
