import { readFileSync, writeFileSync } from 'node:fs';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/** @throws Error if the file does not contain both markers, each once and in order. */
export function checkMarkers(file: string): void {
  split(file);
}

/** Replaces what is between the markers of a Markdown file. */
export function writeBetweenMarkers(file: string, text: string): void {
  const [before, after] = split(file);
  writeFileSync(file, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`);
}

function split(file: string): [before: string, after: string] {
  const [before, rest, ...moreBegins] = readFileSync(file, 'utf8').split(BEGIN);
  const [, after, ...moreEnds] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined || moreBegins.length > 0 || moreEnds.length > 0)
    throw new Error(`expected ${file} to contain ${BEGIN} and then ${END}, each once`);
  return [before, after];
}
