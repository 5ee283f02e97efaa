"""License facts in plain words: one sentence per fact, ours and not the text's."""

from __future__ import annotations

from registry.licenses.table import Terms

NOTICES = {
    "license-copy": "a copy of the license",
    "copyright": "the copyright notices",
    "attribution": "attribution to the maker",
    "notice-file": "the notice file",
    "state-changes": "a note of what was changed",
    "source": "the source",
}
FLOWDOWN = {
    "agreement": "a copy of the agreement",
    "use-restrictions": "the use restrictions as an enforceable term",
    "aup": "the acceptable use policy",
    "display": "the display duty",
    "display-above-threshold": "the display duty above its threshold",
    "hosting-limit": "the limit on hosting",
    "territory": "the territory limit",
    "attribution": "attribution",
    "revenue-limit": "the revenue limit",
    "commercial-terms": "the commercial terms",
    "service-terms": "the terms for services",
}
SCOPES = {
    "derivative": "derivatives must be shared under the same license",
    "network": "derivatives must be shared under the same license, also when only served over a network",
    "file": "changed files must stay under the same license",
    "library": "changed versions must stay under the same license; what merely uses them need not",
    "data": "changed data must be shared under the same license; trained weights need not",
}
OUTPUTS = {
    "none": "nothing is said about outputs",
    "noncompete-llm": "outputs may not be used to improve other language models",
    "noncompete-ai": "outputs may not be used to improve other AI models",
    "noncompete-foundation": "outputs may not be used to train foundation models",
    "noncompete-competing": "outputs may not be used to train a competing model",
    "nc-outputs": "the non-commercial limit reaches outputs and what is made with them",
    "display": "a model made with outputs must show where they come from",
    "name+display": "a model made with outputs must carry the name prefix and the display line",
}
TERMS = {
    "any": "derivatives may be under other terms",
    "same-license": "derivatives stay under this license",
    "any-plus-flowdown": "derivatives may be under other terms that keep what must be passed on",
    "nc-compatible": "derivatives may be under other non-commercial terms",
    "none": "derivatives may not be shared",
}
_YES_NO = ("redistribution", "hosting")


def listed(parts: tuple[str, ...] | list[str]) -> str:
    """`a, b and c`."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def term_text(terms: Terms, fact: str) -> str:
    """What one fact says, as a sentence without a capital or a full stop."""
    value = terms.value(fact)
    if fact == "commercial":
        return {
            "yes": "commercial use is allowed",
            "conditional": "commercial use is allowed under conditions",
            "no": "no commercial use",
        }.get(value, "commercial use is not settled")
    if fact == "derivatives":
        return {
            "yes": "derivatives may be made and shared",
            "no-share": "derivatives may be made but not shared",
            "conditional": "derivatives are allowed under conditions",
        }.get(value, "whether derivatives may be made is not settled")
    if fact == "share_alike":
        return SCOPES.get(value, "no share-alike")
    if fact == "flowdown":
        if not value:
            return "derivatives stay under these terms"
        return f"pass on {listed([FLOWDOWN.get(one, one) for one in value])}"
    if fact == "notices":
        text = (
            f"keep {listed([NOTICES.get(one, one) for one in value])}"
            if value
            else "no notices are asked for"
        )
        line = terms.value("notice_text")
        return f"{text}; notice line: {line}" if line else text
    return _limit_text(terms, fact)


def _limit_text(terms: Terms, fact: str) -> str:
    value = terms.value(fact)
    if fact == "name_prefix":
        return f"the name of a model made from it begins with {value!r}" if value else "no rule for names"
    if fact == "display":
        when = terms.value("display_trigger")
        return f"show {value!r}" + (f" ({when})" if when else "") if value else "nothing has to be shown"
    if fact == "output_rule":
        return OUTPUTS.get(value, str(value))
    if fact == "mau_limit":
        return f"above {value:,} monthly users: {terms.value('mau_effect')}" if value else "no user limit"
    if fact == "revenue_limit_usd":
        return f"at {value:,} USD revenue: {terms.value('revenue_effect')}" if value else "no revenue limit"
    if fact == "territory_excluded":
        return f"no rights in {listed(list(value))}" if value else "no territory is excluded"
    if fact == "field_limits":
        return listed(list(value)) if value else "no field of use is excluded"
    if fact in _YES_NO:
        return {"yes": "allowed", "conditional": "allowed under conditions", "no": "not allowed"}.get(
            value, "not settled"
        )
    if fact == "derivative_terms":
        return TERMS.get(value, "what terms derivatives may have is not settled")
    if fact == "output_is_derivative":
        return "they count as derivatives, with all that follows" if value else "they are not derivatives"
    if fact == "revocable":
        return "the maker may end the rights or restrict use" if value else "the rights cannot be taken back"
    if fact == "patent":
        return {
            "grant+retaliation": "patents are granted, and the grant ends for who sues",
            "grant": "patents are granted",
            "retaliation": "rights end for who sues",
            "excluded": "patents are not granted",
        }.get(value, "nothing is said about patents")
    return f"{fact.replace('_', ' ')}: {value}"
