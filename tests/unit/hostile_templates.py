"""Templates that attack: by Python's insides, by much text, much work, or work that costs more than it seems."""

# ruff: noqa: E501 - a template reads best in one line

#: 2 ** 61 - 1, whose multiples all have the same hash: each look-up compares with all of them.
P = "2305843009213693951"
#: Sets "numbers" to 9,999 of them.
COLLIDING = (
    "{% set t %}{% for i in range(1, 9999) %}{{ i * " + P + " }},{% endfor %}0{% endset %}"
    "{% set numbers = t.split(',') | map('int') | list %}"
)
#: Sets "n.pairs" to 300 pairs of one of them and 1.
COLLIDING_PAIRS = (
    "{% set n = namespace(pairs=[]) %}"
    "{% for i in range(300) %}{% set n.pairs = n.pairs + [[i * " + P + ", 1]] %}{% endfor %}"
)
#: Much to do, none of which costs anything by its size.
LONG_BODY = "{% if i is none %}{% endif %}" * 400

#: Templates that must not be used, and what the warning says of each.
HOSTILE = {
    "{{ raise_exception('roles must alternate') }}": "roles must alternate",
    "{{ messages[7].content }}": "no element 7",
    "{{ 1 // 0 }}": "zero",
    "{{ messages.append('x') }}": "unsafe",  # immutable
    # Ways out of a template that is not sandboxed.
    "{{ ''.__class__.__mro__[1].__subclasses__() }}": "unsafe",
    "{{ cycler.__init__.__globals__ }}": "unsafe",
    "{% include 'x' %}": "no loader",
    # Much text.
    "{% for i in range(100000) %}{{ 'x' * 48 }}{% endfor %}": "more than",
    "{{ 'x' * 10 ** 9 }}": "more than",
    "{{ [0] * 10 ** 9 }}": "more than",
    "{{ 'x'.center(1000000000) }}": "unsafe",
    "{{ '{:1000000000}'.format(1) }}": "unsafe",
    "{{ '%1000000000d' % 1 }}": "reckons with %",
    "{{ ('x' * 9999) | replace('x', 'y' * 9999) }}": "more than",
    "{{ ('x' * 9999).replace('x', 'y' * 9999) }}": "more than",
    "{{ ('x' * 9999).join(range(9999)) }}": "more than",
    "{{ range(9999) | join('x' * 9999) }}": "more than",
    "{{ strftime_now('%999999999Y') }}": "date",
    "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}": "more than",
    "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}": "more than",
    "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set t %}{{ n.s }}{{ n.s }}{% endset %}"
    "{% set n.s = t %}{% endfor %}": "more than",
    "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}": "without end",
    "{{ (2 ** 4000) ** 4000 }}": "number",
    "{{ range(100000) | map('replace', '1', 'x' * 100000) | list }}": "without end",
    # Much work without a word of output.
    "{% for i in range(10 ** 9) %}x{% endfor %}": "Range too big",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": "without end",
    "{% for a in range(99999) %}{% set b = range(99999) | list %}{% endfor %}": "without end",
    "{% for a in range(99999) %}{% set b = ('x' * 1000000)[1:] %}{% endfor %}": "without end",
    "{% for a in range(99999) %}{% if 'y' in 'x' * 1000000 %}{% endif %}{% endfor %}": "without end",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}": "without end",
    "{% for i in [1] recursive %}{% if loop.depth < 60 %}{{ loop([1, 1]) }}{% endif %}{% endfor %}": "without end",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "recursion",
    # Arguments of filters and tests.
    "{% set a = 'a.' * 500000 %}{% for i in range(999) %}{{ [1] | map(attribute=a, default=1) | list }}{% endfor %}": "without end",
    "{{ ([1] * 99999) | map(attribute='a.' * 999, default=1) | list }}": "without end",
    "{% set l = [1] * 400000 %}{% for i in range(100000) %}{% if 0 is in(l) %}{% endif %}{% endfor %}": "without end",
    "{% set l = [1] * 400000 %}{% for i in range(100000) %}{% if 0 is in(*[l]) %}{% endif %}{% endfor %}": "without end",
    "{% set l = [1] * 400000 %}{{ range(1, 100000) | reject('in', l) | list }}": "without end",
    "{% set d = dict([(1, 1)]) %}{% set l = [d] * 400000 %}{{ range(2, 100000) | reject('in', dict(a=l).values()) | list }}": "without end",
    # What takes time by the product of two lengths.
    "{{ ('a' * 1000000).rfind('ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).rindex('ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).rpartition('ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).rsplit(sep='ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).strip('b' * 900000 + 'a') }}": "256 characters",
    "{{ ('a' * 1000000).lstrip('b' * 900000 + 'a') }}": "256 characters",
    "{{ ('a' * 1000000).rstrip('b' * 900000 + 'a') }}": "256 characters",
    "{{ ('a' * 1000000) | trim('b' * 900000 + 'a') }}": "256 characters",
    "{{ [('a' * 1000000)] | map('trim', 'b' * 900000 + 'a') | list }}": "256 characters",
    "{% set t = 'a' * 1000000 %}{% for i in range(999) %}{% if t.rfind('ab' + 'a' * 250) %}{% endif %}{% endfor %}": "without end",
    "{{ ([[1]] * 9999) | sum(start=[]) }}": "not numbers",
    "{{ ([[1]] * 9999) | sum }}": "not numbers",
    "{{ ([{'a': [1]}] * 9999) | sum('a', []) }}": "not numbers",
    # Large numbers.
    "{{ ('f' * 1000000) | int(base=16) is odd }}": "number",
    "{% for i in range(9999) %}{% set n = ('f' * 1000000) | int(base=16) // 3 ** 2000 %}{% endfor %}": "number",
    "{% for i in range(9999) %}{% set n = ('f' * 1000000) | int(base=16) % 3 ** 2000 %}{% endfor %}": "number",
    "{% for i in range(9999) %}{% set n = 0 - ('f' * 1000000) | int(base=16) %}{% endfor %}": "number",
    "{% for i in range(9999) %}{% set n = " + "9" * 4000 + " - 1 %}{% endfor %}": "number",
    "{% set n = 9 ** 900 %}{% for a in range(9999) %}{% for b in range(999) %}{% set t %}{{ n }}{% endset %}{% endfor %}"
    "{% endfor %}": "without end",
    # Numbers that collide.
    COLLIDING + "{{ numbers | unique | list }}": "not text",
    COLLIDING + "{{ numbers - {}.keys() }}": "reckons with -",
    COLLIDING_PAIRS + "{{ dict(n.pairs) }}": "not text",
    COLLIDING_PAIRS + "{{ namespace(n.pairs) }}": "not text",
    "{{ {" + ",".join(f"{i} * {P}: 1" for i in range(300)) + "} }}": "not text",
    # Bodies that hold much, run again and again.
    "{% for i in range(99999) %}" + LONG_BODY + "{% endfor %}": "makes too much",
    "{% for i in range(99999) if " + "i is not none and " * 70 + "false %}{% endfor %}": "makes too much",
    "{% macro f(i) %}"
    + LONG_BODY
    + "{% endmacro %}{% for i in range(50000) %}{{ f(i) }}{% endfor %}": "makes too much",
    "{% macro f() %}{{ caller() }}{% endmacro %}{% for i in range(20000) %}{% call f() %}"
    + LONG_BODY
    + "{% endcall %}{% endfor %}": "makes too much",
    "{% block a %}"
    + LONG_BODY
    + "{% endblock %}{% for i in range(50000) %}{{ self.a() }}{% endfor %}": "makes too much",
    "{% for i in ([[]] * 20000) recursive %}{% if loop.depth == 1 %}{{ loop(i) }}{% endif %}{% else %}"
    + LONG_BODY
    + "{% endfor %}": "makes too much",
    "{{ ([1] * 9999) | map('worked', -10 ** 9) | list | length }}{% for i in range(99999) %}"
    + LONG_BODY
    + "{% endfor %}": "makes too much",
    "{{ [1] | steps(-10 ** 9) | list | length }}{% for i in range(99999) %}"
    + LONG_BODY
    + "{% endfor %}": "makes too much",
    # What could be nested without end: written out, or freed, it overflows the stack.
    "{% set n = namespace(a=1) %}{% for i in range(60) %}{% set n.a = namespace(b=n.a, c=n.a) %}{% endfor %}{{ n }}": "without end",
    "{% set n = namespace(a=1) %}{% set n.a = [n] %}{{ n }}": "100 deep",
    "{% set n = namespace(a=1) %}{% for i in range(9999) %}{% set n.a = namespace(b=n.a) %}{% endfor %}": "100 deep",
    "{% set n = namespace(a=1) %}{% for i in range(9999) %}{% set m = namespace() %}{% set m.b = n.a %}{% set n.a = m %}{% endfor %}": "100 deep",
    "{% set n = namespace(a=1) %}{% for i in range(9999) %}{% set n.a = cycler(n.a) %}{% endfor %}": "100 deep",
    "{% set n = namespace(a=1) %}{% for i in range(9999) %}{% set n.a = joiner(n.a) %}{% endfor %}": "100 deep",
    "{% set n = namespace(a=1) %}{% for i in range(9999) %}{% set n.a = [n.a] | reverse %}{% endfor %}": "100 deep",
    "{% set n = namespace(a=1) %}{% for i in range(9999) %}{% set n.a = [n.a].count %}{% endfor %}": "method",
    "{% set n = namespace(a=1) %}{% for i in range(9999) %}{% for j in [n.a] %}{% set n.a = loop %}{% endfor %}{% endfor %}": "LoopContext",
    "{% set n = namespace(a=1) %}{% macro g(a) %}{% macro f() %}{{ a }}{% endmacro %}{% set n.a = f %}{% endmacro %}"
    "{% for i in range(9999) %}{{ g(n.a) }}{% endfor %}": "Macro",
    # Methods of lists that walk over them, and filters that only work when they are asked for items.
    "{% set l = [1] * 99999 %}{% for i in range(300) %}{% if l.count(0) %}{% endif %}{% endfor %}": "without end",
    "{% set n = namespace(l=[1] * 99999) %}{% for i in range(300) %}{% set n.l = n.l | select %}{% endfor %}": "without end",
    # A compiler that calls itself for every level.
    "{{ " + "(" * 9999 + ")" * 9999 + " }}": "brackets",
    "{{ " + "- " * 9999 + "1 }}": "500 links",
    "{{ a" + ".b" * 20000 + " }}": "500 links",
    "{{ a" + "[0]" * 20000 + " }}": "500 links",
    "{{ a" + "()" * 20000 + " }}": "500 links",
    "{{ a" + "|e" * 20000 + " }}": "500 links",
    "{{ 1" + "+1" * 20000 + " }}": "500 links",
    "{{ a" + " and a" * 10000 + " }}": "500 links",
    "{% macro a() %}" * 90 + "{% set a = 1 %}" * 3800 + "{% endmacro %}" * 90: "16 deep",
    "{% if 1 %}" * 3000 + "{% endif %}" * 3000: "recursion",
}
