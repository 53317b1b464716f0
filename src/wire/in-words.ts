/** A value as an error message shows it: short, with its type. Not a text that may be a URL: that may hold a password. */
export function inWords(value: unknown): string {
  switch (typeof value) {
    case 'string':
      if (/@|:\/\//.test(value)) return typeInWords(value);
      return `${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)} (string)`;
    case 'object':
      return value === null || Array.isArray(value)
        ? typeInWords(value)
        : `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
    case 'function':
    case 'undefined':
      return typeInWords(value);
    default:
      return `${String(value)} (${typeof value})`;
  }
}

/** The type of a value, and the length of a string: the value may be a secret. */
export function typeInWords(value: unknown): string {
  if (typeof value === 'string') return `a string of ${new TextEncoder().encode(value).length} bytes`;
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

/** The value of a number, of anything else the type. */
export function numberInWords(value: unknown): string {
  return typeof value === 'number' ? String(value) : typeInWords(value);
}
