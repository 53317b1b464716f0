import { EXAMPLES, FIELDS, type Example, type Field } from './examples.ts';

/** What the page shows, and what a link to it contains. */
export interface State {
  readonly example: Example;
  readonly fields: Readonly<Record<Field, string>>;
  /** Whether the code came with a link: do not run it before its reader asks for it. */
  readonly isForeign: boolean;
}

/** Returns the state of an example as it is. */
export function stateOf(example: Example): State {
  return { example, fields: example.fields, isForeign: false };
}

/** Reads the hash of a link. A field that is missing is that of the example. */
export function readHash(hash: string): State {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const example = EXAMPLES.find(({ id }) => id === params.get('example')) ?? EXAMPLES[0];
  const fields = Object.fromEntries(FIELDS.map((field) => [field, params.get(keyOf(field)) ?? example.fields[field]]));
  return { example, fields: fields as State['fields'], isForeign: fields.code !== example.fields.code };
}

/** Writes the hash of a link: the name of an example, and all fields if one of them was edited. */
export function writeHash({ example, fields }: Pick<State, 'example' | 'fields'>): string {
  const params = new URLSearchParams({ example: example.id });
  const isEdited = FIELDS.some((field) => fields[field] !== example.fields[field]);
  if (isEdited) for (const field of FIELDS) params.set(keyOf(field), fields[field]);
  return `#${params.toString()}`;
}

function keyOf(field: Field): string {
  return field.replace(' ', '-');
}
