import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
// A folder of the repository, so that the file finds the built package by its name.
mkdirSync(join(root, '.tmp'), { recursive: true });
const folder = mkdtempSync(join(root, '.tmp/web-types-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The program of a user without the types of Node. */
const PROGRAM = `
import { lines } from 'rxjs-io-stream/codecs';
import { checkCodec, memoryPair } from 'rxjs-io-stream/testing';
import { connect, framed, IOStream, rc4, socks5, type IOStreamOptions, type Plugin, type StreamOf, type Wire } from 'rxjs-io-stream/web';
import type { Observable } from 'rxjs';

const [wire]: readonly [Wire, Wire] = memoryPair();
const io = new IOStream({ wire, plugin: { proxy: socks5('socks5://proxy.test:1080'), cipher: rc4('Key') }, host: 'a.test', port: 80, Mine: 1 });
export const bytes: Observable<Uint8Array> = io.data$;
export const buffered: Uint8Array = io.inBuf;
export const own: number = io.Mine;
export const address: string | undefined = io.details.proxy?.boundAddress;
export const messages: Observable<string> = framed(io, lines({ maxLength: 80 })).messages$;
export const report: Promise<unknown> = checkCodec(lines({ maxLength: 80 }), ['one']);
export const plugins: Plugin[] = [rc4('Key')];
export const options: IOStreamOptions = { wire };
export type Connected = StreamOf<{ Mine: number }>;
connect({ wire }, (each) => each.send(['text', new DataView(new ArrayBuffer(1))]));
// @ts-expect-error the wire is required
new IOStream({});
// @ts-expect-error no sockets
new IOStream({ wire, path: '/socket' });
// @ts-expect-error no descriptors
new IOStream({ wire, fh: 1 });
// @ts-expect-error misspelt
connect({ wire, waitfor: 1 });
// @ts-expect-error bytes are no Buffer
io.read().readUInt8(0);
// @ts-expect-error the types of Node are not there
export const buffer: Buffer = io.read();
`;

describe('the declarations for the Web', () => {
  it.each([
    ['a bundler', { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
    ['NodeNext', { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }],
  ])('compile without the types of Node, under %s', { timeout: 120_000 }, (_, resolution) => {
    const file = join(folder, 'user.mts');
    writeFileSync(file, PROGRAM);
    const program = ts.createProgram([file], {
      ...resolution,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    });
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(({ file: where, messageText }) => `${where?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
    expect(problems).toEqual([]);
    expect(program.getSourceFiles().filter(({ fileName }) => fileName.includes('@types/node'))).toEqual([]);
  });
});
