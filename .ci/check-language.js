// Counts the sentences of comments, docstrings, Markdown and spec names that use words of the project's former dialect ("whoever",
// "told", "anew", …), a room at a time, and compares each share with its budget in language-budget.json. A budget may only fall.
//
//   node .ci/check-language.js            prints the rooms, and fails when one is over its budget
//   node .ci/check-language.js --list     prints each sentence that counts, too
//   node .ci/check-language.js --lower    lowers the budgets to what is there
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const MARKERS = /\b(whoever|nobody|somebody|tells?|told|hears?|heard|says?|said|anew|so many|at the most|lets? go|he|him|his)\b/i;
const BUDGET = new URL('language-budget.json', import.meta.url);

/** The room of a file: a Markdown file is one of its own, the examples are one, elsewhere it is the folder below the top. */
function roomOf(file) {
  const [top, second = ''] = file.split('/');
  return file.endsWith('.md') ? file : top === 'examples' || second.includes('.') ? top : `${top}/${second}`;
}

/** The prose of a file: Markdown without its code; comments without theirs, and the names of suites and specs. */
function* proseOf(file, text) {
  const withoutCode = (prose) => prose.replace(/```[\s\S]*?```/g, '');
  if (file.endsWith('.md')) {
    yield withoutCode(text);
    return;
  }
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const comments = new Map();
  const names = [];
  const visit = (node) => {
    for (const range of ts.getLeadingCommentRanges(text, node.pos) ?? []) comments.set(range.pos, range);
    for (const range of ts.getTrailingCommentRanges(text, node.end) ?? []) comments.set(range.pos, range);
    if (file.endsWith('.spec.ts') && ts.isCallExpression(node) && /^(it|test|describe|spec)\b/.test(node.expression.getText()))
      names.push(...node.arguments.filter(ts.isStringLiteralLike).map((name) => name.text));
    node.getChildren().forEach(visit);
  };
  visit(source);
  for (const { pos, end } of comments.values()) yield withoutCode(text.slice(pos, end).replace(/^\s*\/?\*+\/?|\/\//gm, ''));
  yield* names;
}

function sentencesOf(prose) {
  const sentences = prose.split(/(?<=[.!?;:])\s+|\n\s*\n|\n\s*[-*|]\s/).map((sentence) => sentence.replace(/\s+/g, ' ').trim());
  return sentences.filter((sentence) => /[a-z]{2}/i.test(sentence));
}

const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src', 'spec', 'examples', 'docs', '*.md'], {
  encoding: 'utf8',
});
const rooms = {};
for (const file of listed.split('\n').filter((file) => /\.(ts|md)$/.test(file))) {
  const room = (rooms[roomOf(file)] ??= { marked: 0, all: 0 });
  for (const prose of proseOf(file, readFileSync(file, 'utf8')))
    for (const sentence of sentencesOf(prose)) {
      room.all += 1;
      if (!MARKERS.test(sentence)) continue;
      room.marked += 1;
      if (process.argv.includes('--list')) console.log(`${file}: ${sentence}`);
    }
}

/** Per thousand sentences; a room without a budget has none. */
const budget = JSON.parse(readFileSync(BUDGET, 'utf8'));
let isOver = false;
for (const [room, { marked, all }] of Object.entries(rooms).sort()) {
  const share = Math.ceil((1000 * marked) / all);
  const allowed = budget[room] ?? 0;
  const verdict = share > allowed ? `OVER its budget of ${allowed}` : `of ${allowed}`;
  isOver ||= share > allowed;
  console.log(
    `${room.padEnd(20)} ${String(marked).padStart(4)} of ${String(all).padStart(4)} sentences: ${share} per thousand, ${verdict}`,
  );
  if (process.argv.includes('--lower')) budget[room] = Math.min(share, room in budget ? allowed : share);
}
if (process.argv.includes('--lower'))
  writeFileSync(BUDGET, `${JSON.stringify(Object.fromEntries(Object.entries(budget).sort()), undefined, 2)}\n`);
else if (isOver) {
  console.error('\nSay it in the words of RxJS and Node; `node .ci/check-language.js --list` prints the sentences.');
  process.exitCode = 1;
}
