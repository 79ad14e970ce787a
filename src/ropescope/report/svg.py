"""An SVG made safe to stand inside a page: no script, no link, no name that another figure uses too."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_ACTIVE = {f"{{{_SVG}}}{name}" for name in ("script", "foreignObject", "image", "use", "style", "animate", "set")}
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")


def embedded(svg: str, prefix: str, label: str) -> str:
    """`svg` for use inside HTML, as a picture that reads out as `label`.

    Every id begins with `prefix`: figures drawn apart share names such as `clip0` and `gradient_0`, and a page would
    give all of them the first one's. What could run or fetch (scripts, images, links, event handlers) is left out.
    """
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)
    _strip(root, prefix)
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _strip(element: ElementTree.Element, prefix: str) -> None:
    for child in [child for child in element if child.tag in _ACTIVE]:
        element.remove(child)
    if element.tag == f"{{{_SVG}}}a":
        element.tag = f"{{{_SVG}}}g"
    for name, value in list(element.attrib.items()):
        if name.lower().startswith("on") or name in ("href", f"{{{_XLINK}}}href"):
            del element.attrib[name]
        elif name == "id":
            element.set(name, prefix + value)
        elif "url(" in value:
            element.set(name, _REFERENCE.sub(lambda match: f"url(#{prefix}{match[1]})", value))
    for child in element:
        _strip(child, prefix)
