import { once } from 'node:events';
import { createServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { server as certificate } from '../support/certificates.ts';
import { nodeProxy } from '../support/http-proxies.ts';
import { deadPort, unwatched } from '../support/loopback.ts';
import type { Running } from '../support/run-program.ts';
import { blocksOf, textOf } from './pages.ts';
import { userProject, type UserProject } from './user-project.ts';

const blocks = blocksOf('README.md');
const tasks = blocks.slice(2);

/** The code of a block, with other hosts and ports. Fails when the page does not contain one of them. */
function codeOf(title: string, changes: Readonly<Record<string, string | number>> = {}): string {
  const block = blocks.find((each) => title === each.title || each.code.startsWith(`// ${title}`));
  let code = block?.code ?? '';
  for (const [from, to] of Object.entries(changes)) {
    expect(code, title).toContain(from);
    code = code.replaceAll(from, String(to));
  }
  return code;
}

/** The blocks run as JavaScript: the page promises that they are both. */
async function serverOf(project: UserProject): Promise<{ server: Running; port: number }> {
  const port = await deadPort();
  project.write('server.mjs', codeOf('server.mts', { 7007: port }));
  const server = project.run('server.mjs');
  await server.prints(/listening on/);
  return { server, port };
}

/** Runs a block, against the server of the page unless it has its own changes. */
async function runBlock(title: string, changes?: Readonly<Record<string, string | number>>): Promise<Running> {
  const project = userProject({ defer: onTestFinished });
  const { port } = await serverOf(project);
  project.write('notes.txt', 'one\ntwo\n'.repeat(1000));
  project.write('program.mjs', codeOf(title, changes ?? { 7007: port }));
  return project.run('program.mjs');
}

/** Signed the certificate of the TLS server. */
const CA = fileURLToPath(new URL('../support/certs/ca.pem', import.meta.url));

describe('the README', () => {
  it('has at most 250 lines', () => {
    expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(250);
  });

  it('has five tasks of at most ten lines', () => {
    expect(tasks.length).toBe(5);
    expect(tasks.filter(({ code }) => code.trimEnd().split('\n').length > 10)).toEqual([]);
  });

  test('the client gets its reply from the server, and exits', async () => {
    expect(await (await runBlock('client.mts')).ended).toEqual({ code: 0, stdout: 'HELLO\n', stderr: '' });
  });

  test('the server goes on after a client whose line is too long', async () => {
    const project = userProject({ defer: onTestFinished });
    const { server, port } = await serverOf(project);
    const client = connect(port, '127.0.0.1').on('error', () => {});
    client.end(`${'x'.repeat(2000)}\n`);
    await server.prints(/frame of more than maxLength = 1000/);
    project.write('client.mjs', codeOf('client.mts', { 7007: port }));
    expect(await project.run('client.mjs').ended).toMatchObject({ stdout: 'HELLO\n' });
  });

  test('the client retries three times, then prints why there is no connection', async () => {
    const program = await runBlock('client.mts', { 7007: await deadPort(), 'delay: 1000': 'delay: 10' });
    expect(await program.ended).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('ECONNREFUSED') as string });
  });

  test('the task "Stay connected" prints the reply and its states', async () => {
    const program = await runBlock('Stay connected');
    await program.prints(/^HELLO$/m);
    expect(await program.interrupt()).toMatchObject({ stderr: 'connecting\nconnected\n' });
  });

  test('the task "TLS through an HTTP proxy with a password" prints the page', async () => {
    const proxy = await nodeProxy(unwatched(onTestFinished), { credentials: 'me:secret' });
    const server = createServer(certificate, (_request, response) => response.end('the page\n')).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const project = userProject({ defer: onTestFinished });
    const code = codeOf('TLS through an HTTP proxy with a password', {
      'proxy.example:3128': `127.0.0.1:${proxy.port}`,
      'example.com': 'localhost',
      '443': (server.address() as AddressInfo).port,
    });
    project.write('program.mjs', code);
    const { stdout, ...rest } = await project.run('program.mjs', { NODE_EXTRA_CA_CERTS: CA }).ended;
    expect(rest).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*the page\n/);
  });

  test('the task "Requests and replies" prints both replies', async () => {
    expect(await (await runBlock('Requests and replies')).ended).toEqual({ code: 0, stdout: "[ 'ONE', 'TWO' ]\n", stderr: '' });
  });

  test('the task "Send a file" sends all of it', async () => {
    const { stdout, ...rest } = await (await runBlock('Send a file')).ended;
    expect(rest).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^8000 bytes were sent\ndone\n$/m);
  });

  test('the task "Send a file" prints why the file cannot be read', async () => {
    const { port } = await serverOf(userProject({ defer: onTestFinished }));
    const program = await runBlock('Send a file', { 7007: port, 'notes.txt': 'nothing.txt' });
    expect(await program.ended).toMatchObject({ stdout: '', stderr: expect.stringContaining('ENOENT') as string });
  });

  test('the task "Forward a port" forwards a client to the server', async () => {
    const project = userProject({ defer: onTestFinished });
    const { port } = await serverOf(project);
    const from = await deadPort();
    project.write('forward.mjs', codeOf('Forward a port', { 7007: port, 8080: from }));
    project.run('forward.mjs');
    project.write('client.mjs', codeOf('client.mts', { 7007: from, 'delay: 1000': 'delay: 500', 'count: 3': 'count: 20' }));
    expect(await project.run('client.mjs').ended).toEqual({ code: 0, stdout: 'HELLO\n', stderr: '' });
  });
});
