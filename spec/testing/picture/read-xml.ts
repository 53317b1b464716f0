/** An element of a document. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (XmlElement | string)[];
}

const TOKEN = /<(\/?)([a-z][\w-]*)((?:\s[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gi;

/** Parses well-formed XML as `toSvg` writes it; throws for anything else. */
export function readXml(text: string): XmlElement {
  const root: XmlElement = { name: '', attributes: {}, children: [] };
  const open = [root];
  let end = 0;
  for (const token of text.matchAll(TOKEN)) {
    if (token.index !== end) break;
    end += token[0].length;
    const [, closes, name = '', attributes = '', isEmpty, words] = token;
    const parent = open.at(-1) ?? root;
    if (words !== undefined) parent.children.push(unescape(words));
    else if (closes === '/') {
      if (open.pop()?.name !== name) throw new Error(`expected the end of ${parent.name}, got that of ${name}`);
    } else {
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, unescape(value)]);
      const child: XmlElement = { name, attributes: Object.fromEntries(pairs) as Record<string, string>, children: [] };
      parent.children.push(child);
      if (isEmpty !== '/') open.push(child);
    }
  }
  if (end !== text.length) throw new Error(`expected XML at offset ${end}, got ${text.slice(end, end + 40)}`);
  if (open.length !== 1) throw new Error(`expected all elements to end, ${open.length - 1} are open`);
  const [svg] = root.children;
  if (typeof svg !== 'object') throw new Error('expected an element');
  return svg;
}

const NAMES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function unescape(text: string): string {
  return text.replace(/&([^;]*);?/g, (whole, name: string) => {
    const char = NAMES[name];
    if (char === undefined) throw new Error(`expected an entity, got ${whole}`);
    return char;
  });
}

/** Returns all elements of a name, at any depth. */
export function all(root: XmlElement, name: string): XmlElement[] {
  return root.children.flatMap((child) =>
    typeof child === 'string' ? [] : [...(child.name === name ? [child] : []), ...all(child, name)],
  );
}

/** Returns the text of an element. */
export function textOf(element: XmlElement): string {
  return element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}

/** Returns the elements of a class. */
export function ofClass(root: XmlElement, name: string, className: string): XmlElement[] {
  return all(root, name).filter(({ attributes }) => (attributes.class ?? '').split(' ').includes(className));
}
