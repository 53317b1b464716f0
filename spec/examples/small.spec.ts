import { describe, expect, it } from 'vitest';
import { runProgram } from '../support/run-program.ts';

describe('the small examples', () => {
  it.for([
    ['quick-start', 'hello\n\n'],
    ['manual', 'request sent, waiting for reply…\nserver reply:\nHTTP/1.0 200 OK\r\n\r\nhello\n\n'],
    ['open', 'hello\n'],
    ['converse', "[ '220 mail.test ready', '221 bye' ]\n"],
    ['own-cipher', 'hello\n'],
    ['own-handshake', 'WELCOME TO news\nhello\n'],
    ['https-through-proxy', '200 OK\nhello through the proxy\n'],
  ] as const)('%s prints its output and exits', async ([name, expected]) => {
    expect(await runProgram(`examples/${name}.ts`).ended).toEqual({ code: 0, stdout: expected, stderr: '' });
  });
});
