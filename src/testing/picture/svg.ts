import { escapeXml } from './escape-xml.ts';

/** Attributes of an SVG element: numbers are rounded, texts are escaped. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Formats an element. @param content markup, not escaped. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const listed = Object.entries(attributes).map(([key, value]) => {
    if (value === undefined) return '';
    return ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(value)}"`;
  });
  return content === '' ? `<${name}${listed.join('')}/>` : `<${name}${listed.join('')}>${content}</${name}>`;
}

/** Formats a rectangle. @param words what is shown when the pointer is on it. */
export function rect(className: string, box: { x: number; y: number; width: number; height: number; rx?: number }, words?: string): string {
  return element('rect', { class: className, ...box }, title(words));
}

/** Formats text, escaped. */
export function text(className: string, x: number, y: number, words: string): string {
  return element('text', { class: className, x, y }, escapeXml(words));
}

/** Formats the words that a pointer shows. */
export function title(words: string | undefined): string {
  return words === undefined ? '' : `<title>${escapeXml(words)}</title>`;
}

/** Rounds to a tenth: a smaller distance is not seen. */
export function round(value: number): number {
  return Number(value.toFixed(1));
}
