import { printable } from '../protocol/printable.ts';

/** Maximum characters of a text of others: a name, an address, the message of an error. */
const MAX_TEXT = 300;

/** Bounds a text of others, and escapes its invisible characters. */
export function short(text: string): string {
  return printable(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
}
