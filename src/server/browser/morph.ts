/**
 * Makes the children of `live` equal to those of `next`, changing only what differs: a selection, the focus and the scroll
 * position stay. What the reader or a plot owns is left alone.
 */
export function morph(live: Element, next: Element): void {
  const wanted = [...next.childNodes];
  const present = [...live.childNodes];
  for (const [index, node] of wanted.entries()) {
    const old = present[index];
    if (old === undefined) live.append(node);
    else if (!isSame(old, node)) old.replaceWith(node);
    else if (old instanceof Element && node instanceof Element) morphElement(old, node);
    else if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
  }
  for (const surplus of present.slice(wanted.length)) surplus.remove();
}

function isSame(a: Node, b: Node): boolean {
  return a.nodeName === b.nodeName && (!(a instanceof Element) || a.id === (b as Element).id);
}

function morphElement(live: Element, next: Element): void {
  for (const { name, value } of [...next.attributes]) {
    if (live.getAttribute(name) !== value && !isReaders(live, name)) live.setAttribute(name, value);
  }
  for (const { name } of [...live.attributes]) {
    if (!next.hasAttribute(name) && !isReaders(live, name)) live.removeAttribute(name);
  }
  if (!live.classList.contains('plot')) morph(live, next);
}

/** Whether a section is open is the reader's choice once it is shown. */
function isReaders(element: Element, attribute: string): boolean {
  return element.localName === 'details' && attribute === 'open';
}
