"""Texts on which a compiled embedder is compared with the model it was compiled from: short, long, odd."""

from __future__ import annotations

_PARAGRAPH = (
    "The harbour office opens at seven. Boats that arrive during the night tie up at the outer mole and report in the "
    "morning with the papers of vessel and crew. Fees depend on length and on the number of nights; electricity and "
    "water are metered. Whoever stays longer than three weeks pays the monthly rate from the first day on. "
)

CHECK_TEXTS = (
    "yes",
    "?",
    "42",
    "ok 👍",
    "What is the capital of Mongolia?",
    "How do I cancel my standing order for the gas bill?",
    "my card was declined twice at the supermarket, what now",
    "Write a haiku about a broken umbrella.",
    "Übersetze bitte: Der Zug hat zwanzig Minuten Verspätung.",
    "¿Cuánto cuesta enviar un paquete de dos kilos a Chile?",
    "请用一句话解释什么是光合作用。",
    "Как испечь хлеб без дрожжей?",
    "كيف أغير كلمة المرور؟",
    "SELECT name, SUM(amount) FROM orders GROUP BY name HAVING SUM(amount) > 100;",
    "for (int i = 0; i < n; ++i) { total += a[i] * b[i]; }",
    '{"id": 17, "status": "failed", "retry": false}',
    "x^2 + 3x - 10 = 0",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "Line one.\nLine two.\n\n\tIndented line three.",
    "I'm sorry, but I can't help with that request.",
    "A farmer has 17 sheep and all but 9 run away. How many are left? Explain step by step.",
    _PARAGRAPH,
    _PARAGRAPH * 2 + "Summarise the rules above in two sentences.",
    _PARAGRAPH * 12,
)
