//! Prompts written before any weight was set, and not looked at while the weights were.

/// Must come out as complex.
pub(crate) const HARD: &[(&str, &str)] = &[
    (
        "chemistry",
        "A 25.00 mL sample of 0.100 M weak diprotic acid H2A (Ka1 = 1.0e-3, Ka2 = 1.0e-7) is titrated with 0.100 M NaOH. Calculate the pH at the first equivalence point, halfway between the two equivalence points, and after 60.00 mL of base have been added.",
    ),
    (
        "chemistry",
        "Treatment of (R)-3-methylcyclohexanone with LDA at low temperature, then with benzaldehyde, and finally with acid and heat gives a single enone. Which regioisomer and which configuration do you expect, and why does the kinetic enolate dominate here?",
    ),
    (
        "chemistry",
        "Welches Produkt entsteht, wenn man 1-Methylcyclohexen zuerst mit Diboran in THF und danach mit alkalischem Wasserstoffperoxid umsetzt? Begründen Sie die Regio- und die Stereochemie.",
    ),
    (
        "physics",
        "A uniform rod of mass m and length L is pivoted at one end and released from the horizontal. Find the angular velocity when it is vertical and the force that the pivot exerts at that moment.",
    ),
    (
        "physics",
        "Two identical bosons occupy a one-dimensional infinite well of width a and interact through a weak contact potential. To first order, by how much does the ground-state energy shift?",
    ),
    (
        "physics",
        "一个质量为2千克的物体以5米每秒的速度与静止的质量为3千克的物体发生完全非弹性碰撞。求碰撞后的速度以及损失的动能。",
    ),
    (
        "proof",
        "Show that if a and b are coprime then a + b and ab are coprime as well.",
    ),
    (
        "proof",
        "Prove that the sum of the reciprocals of the primes diverges.",
    ),
    (
        "proof",
        "Demuestra que no existe ningún entero n tal que n^2 + 1 sea divisible por 7.",
    ),
    ("proof", "素数が無限に存在することを証明してください。"),
    (
        "legal",
        "Analyze the following clause: \"Notwithstanding anything to the contrary herein, the Licensee shall not assign, sublicense or otherwise transfer any of its rights under this Agreement without the prior written consent of the Licensor, which consent shall not be unreasonably withheld, provided that a change of control of the Licensee shall be deemed an assignment for purposes of this Section.\" Does a merger in which the Licensee survives require consent?",
    ),
    (
        "legal",
        "A seller delivered goods two weeks late, the buyer accepted them without protest, resold half, and now refuses to pay for the rest. Which remedies does each side have, and does acceptance bar a claim for damages?",
    ),
    (
        "legal",
        "Prüfen Sie die folgende Klausel: Der Mieter trägt die Kosten aller Reparaturen, unabhängig davon, ob ihn ein Verschulden trifft, und verzichtet auf jede Minderung der Miete. Ist sie in einem Formularmietvertrag wirksam, und was gilt andernfalls?",
    ),
    (
        "clinical",
        "A 34-year-old woman, 28 weeks pregnant, presents with severe headache, right upper quadrant pain and a blood pressure of 172/114. Platelets are 71, AST 240, and she has 3+ proteinuria. What is the diagnosis, and what are the next steps in order?",
    ),
    (
        "clinical",
        "Paciente de 58 años con disnea progresiva, edema en miembros inferiores, ingurgitación yugular y crepitantes bibasales. El ecocardiograma muestra una fracción de eyección del 30 %. ¿Cuál sería el tratamiento inicial y qué fármacos evitaría?",
    ),
    (
        "clinical",
        "72M, AF on warfarin, fell yesterday, GCS 13, INR 3.8, CT shows a thin acute subdural. Reverse? Operate? Restart anticoagulation when?",
    ),
    (
        "logic",
        "Anna, Ben and Carla each play one instrument: piano, violin or drums. Anna does not play the piano. The drummer is older than Ben. Carla is the youngest. Who plays what?",
    ),
    (
        "logic",
        "There are three boxes labelled apples, oranges and mixed, and every label is wrong. You may take one fruit out of one box without looking inside. How do you find out what is in each?",
    ),
    (
        "logic",
        "Пятеро друзей сидят в ряд. Антон сидит рядом с Борисом, но не с краю. Вера сидит левее Глеба. Даша сидит между Верой и Антоном. В каком порядке они сидят?",
    ),
    (
        "word problem",
        "Mia had 24 stickers. She gave 7 to her brother and twice as many to her friend. How many does she have left?",
    ),
    (
        "word problem",
        "A baker makes 12 trays of rolls with 18 rolls on each tray. He sells 150 rolls in the morning and puts the rest into bags of 6. How many bags does he need?",
    ),
    (
        "word problem",
        "Ein Zug fährt um 8 Uhr mit 80 km/h ab, ein zweiter um 9 Uhr mit 120 km/h hinterher. Wann holt er den ersten ein?",
    ),
    (
        "word problem",
        "لدى أحمد 15 تفاحة، أعطى أخته 4 تفاحات واشترى 9 تفاحات أخرى، ثم قسمها بالتساوي على 5 أصدقاء. كم تفاحة حصل عليها كل صديق؟",
    ),
    (
        "word problem",
        "妈妈买了3盒鸡蛋，每盒12个，路上打碎了5个，又送给邻居8个，还剩多少个？",
    ),
    (
        "code",
        "This returns the wrong answer for an empty list and I do not see why:\n\n```python\ndef median(xs):\n    xs = sorted(xs)\n    n = len(xs)\n    if n % 2 == 1:\n        return xs[n // 2]\n    return (xs[n // 2 - 1] + xs[n // 2]) / 2\n```\n\nAlso make it work for iterators.",
    ),
    (
        "constraints",
        "Write a sonnet about entropy. Every line must have ten syllables, the first letters must spell THERMODYNAMICS, no line may contain the word heat, and the volta must come at line nine.",
    ),
];

/// Must come out as simple.
pub(crate) const EASY: &[(&str, &str)] = &[
    ("greeting", "hey there"),
    ("greeting", "Good evening! How's it going?"),
    ("greeting", "Hallo, wie geht es dir heute?"),
    ("greeting", "¡Buenos días!"),
    ("greeting", "こんにちは、お元気ですか？"),
    ("greeting", "Salut ! Ça va ?"),
    ("greeting", "Thank you so much, that was very helpful!"),
    ("look-up", "What is the capital of Mongolia?"),
    ("look-up", "Who painted the ceiling of the Sistine Chapel?"),
    ("look-up", "In which year did the Titanic sink?"),
    ("look-up", "What's the chemical formula of table salt?"),
    ("look-up", "How tall is Mount Kilimanjaro in metres?"),
    ("look-up", "Wie heißt die Hauptstadt von Australien?"),
    ("look-up", "¿Cuántos días tiene febrero en un año bisiesto?"),
    ("look-up", "世界上最长的河流是哪条？"),
    ("look-up", "ما هي عاصمة المغرب؟"),
    ("look-up", "What does the acronym NATO stand for?"),
    ("look-up", "What is the plural of octopus?"),
    ("conversion", "Convert 12 inches to centimeters."),
    (
        "conversion",
        "Convert this to JSON: name=Alice, age=31, city=Oslo",
    ),
    (
        "conversion",
        "Turn this into a markdown table:\n\nproduct,price,stock\npen,1.20,300\nnotebook,3.50,120\nruler,0.80,75",
    ),
    (
        "conversion",
        "Convert this YAML to JSON:\n```yaml\nserver:\n  host: localhost\n  port: 8080\nfeatures:\n  - auth\n  - metrics\n```",
    ),
    (
        "conversion",
        "Rewrite this date as YYYY-MM-DD: 7 March 2021",
    ),
    (
        "conversion",
        "Write this in title case: the lord of the rings",
    ),
    ("conversion", "Wandle 350 Grad Fahrenheit in Celsius um."),
    (
        "conversion",
        "Convert <user><id>7</id><name>Bo</name></user> to JSON",
    ),
    ("conversion", "把这个日期改成ISO格式：2023年5月4日"),
];
