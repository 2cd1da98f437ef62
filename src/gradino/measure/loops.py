"""A loop of the shell over a written list, as what it does for each word of the list."""

import re

BREAK = "\v"  # between the lines of a loop, all of which stand where the loop stands
_LOOP = re.compile(
    r"\bfor[ \t]+([A-Za-z_]\w*)[ \t]+in[ \t]+([^;\n$`*?{}()]{1,500})(?:\\\n|\n|;)[ \t\n\\]*"
    r"do\b((?:(?!\bdo\b)[\s\S]){0,2000}?)\bdone\b"
)
_WORDS = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s\"'\\]+)")
_ENDS = re.compile(r"\bset\s+-\w*e|\|\|\s*[({]?\s*exit\b|\bset\s+-o\s+errexit")
_MOST = 20  # words of a list


def unrolled(script: str, strict: bool = True) -> str:
    """A script with each such loop written out, line for line where it was.

    Where the shell is not `strict` (`set -e`), only the last round of a loop can make it fail, unless each says so.
    """
    if "for " not in script:
        return script
    strict = strict or bool(_ENDS.search(script))

    def rounds(loop: re.Match[str]) -> str:
        words = [a or b or c for a, b, c in _WORDS.findall(loop[2])]
        if len(words) > _MOST:
            return loop[0]
        used = re.compile(rf"\$(?:\{{{loop[1]}\}}|{loop[1]}\b)")
        lines = [x for raw in loop[3].replace("\\\n", " ").split("\n") if (x := raw.strip().rstrip("; "))]
        written = [[used.sub(word.replace("\\", r"\\"), x) for x in lines] for word in words]
        for earlier in () if strict else written[:-1]:
            earlier[:] = [f"{x} || true" for x in earlier]
        return BREAK.join(x for each in written for x in each) + "\n" * loop[0].count("\n")

    return _LOOP.sub(rounds, script)
