import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toHtml, toMarbles, toMermaid, toPcapng, toSvg } from 'rxjs-io-stream/testing';
import { view } from '../../src/cli/view.ts';
import { folder, runCli } from './run-cli.ts';

const TEXT = `rxjs-io-stream recording 1
0 wire: connected [{"wire":"tcp"}]
1 to wire: data 73 65 63 72 65 74 |secret|
3 wire: sent 6
9 wire: complete
`;

function fileOf(name: string, text = TEXT): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe.concurrent('rxjs-io-stream view', () => {
  it('writes a page beside the recording, readable for its owner only, and prints the path', async () => {
    const path = fileOf('failure.txt');
    const { code, stdout, stderr } = await runCli('view', path).ended;
    const page = join(folder, 'failure.html');
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${page}\n`, stderr: '' });
    expect(readFileSync(page, 'utf8')).toBe(toHtml(TEXT, { title: 'failure.txt' }));
    expect(statSync(page).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['--svg', toSvg(TEXT, { title: 'drawn.txt' })],
    ['--mermaid', toMermaid(TEXT)],
    ['--text', String(toMarbles(TEXT))],
  ])('draws another format with %s', async (flag, expected) => {
    const out = join(folder, `out${flag}`);
    await view([fileOf('drawn.txt'), flag, '--out', out]);
    expect(readFileSync(out, 'utf8')).toBe(expected);
  });

  it('writes a capture file with --pcapng, of the side that --side names', async () => {
    const around = `rxjs-io-stream recording 1
0 wire: connected [{"wire":"tcp"}]
1 to app: connected [{"layer":"tls"}]
2 app: data 70 6c 61 69 6e |plain|
3 to wire: data 17 03 03 |...|
`;
    const [path, out] = [fileOf('around.txt', around), join(folder, 'around.pcapng')];
    await view([path, '--pcapng', '--out', out]);
    expect(readFileSync(out)).toEqual(Buffer.from(toPcapng(around)));
    await view([path, '--pcapng', '--side', 'app', '--out', out]);
    expect(readFileSync(out)).toEqual(Buffer.from(toPcapng(around, { side: 'app' })));
    expect(readFileSync(out).includes('plain')).toBe(true);
  });

  it('makes a file that others could read readable for its owner only', async () => {
    const out = fileOf('public.html', 'the page of before');
    chmodSync(out, 0o644);
    await view([fileOf('public.txt'), '--no-open']);
    expect(readFileSync(out, 'utf8')).toBe(toHtml(TEXT, { title: 'public.txt' }));
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  it('never writes over the recording', async () => {
    const path = fileOf('named.html');
    await view([path, '--no-open']);
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
    expect(readFileSync(`${path}.html`, 'utf8')).toBe(toHtml(TEXT, { title: 'named.html' }));
    expect(() => view([path, '--svg', '--out', `${folder}/./named.html`])).toThrow('expected --out to be another file than FILE');
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
  });

  it('ends without an error when the reader of a pipe has left', async () => {
    const running = runCli('view', fileOf('unread.txt'), '--svg');
    running.closeOutput();
    expect(await running.ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('reads standard input, and prints a format without --out', async () => {
    const running = runCli('view', '-', '--mermaid');
    running.stdin.end(TEXT);
    expect(await running.ended).toEqual({ code: 0, stdout: toMermaid(TEXT), stderr: '' });
  });

  it('writes to --out, without the bytes with --no-content', async () => {
    const out = join(folder, 'out.svg');
    await view([fileOf('other.txt'), '--svg', '--no-content', '--out', out]);
    expect(readFileSync(out, 'utf8')).toBe(toSvg(TEXT, { title: 'other.txt', content: false }));
    expect(readFileSync(out, 'utf8')).not.toContain('secret');
    expect(existsSync(join(folder, 'other.html'))).toBe(false);
  });

  it.each([
    [[], 0, 'stdout', 'usage:  npx rxjs-io-stream view FILE'],
    [['show'], 2, 'stderr', "expected a command: view or record, got 'show'\nSee: npx rxjs-io-stream --help\n"],
  ] as const)('explains its arguments: %j', async (args, code, where, words) => {
    const ended = await runCli(...args).ended;
    expect(ended.code).toBe(code);
    expect(ended[where]).toContain(words);
  });

  it.each([
    [[], 'expected one FILE, got none'],
    [['a', 'b'], "expected one FILE, got 'a' 'b'"],
    [['a', '--svg', '--mermaid'], 'expected one format, got --svg --mermaid'],
    [['a', '--text', '--no-content'], 'expected --no-content with a picture, got --text, which contains all bytes'],
    [['a', '--pcapng', '--side', 'plain'], "expected --side app or --side wire, got 'plain'"],
    [['a', '--side', 'app'], 'expected --pcapng with --side, got --side alone'],
    [['a', '--png'], "or none of them: Unknown option '--png'"],
    [[join(folder, 'none.txt')], 'ENOENT: no such file or directory'],
  ] as const)('explains what is wrong with the arguments %j', (args, words) => {
    expect(() => view(args)).toThrow(words);
  });

  it('names the file and the line that is not of a recording', () => {
    const path = fileOf('broken.txt', `${TEXT}nonsense\n`);
    expect(() => view([path])).toThrow(
      `${path}: expected line 6 of the recording to be a time in ms, a line, a colon and a signal, got 'nonsense'`,
    );
  });
});
