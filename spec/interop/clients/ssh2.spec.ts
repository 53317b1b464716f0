import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import ssh2, { type Client } from 'ssh2';
import { expect } from 'vitest';
import { spec } from '../../support/spec.ts';
import { startEcho } from '../backends.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { SSH_KEY, startSshd } from '../peers/sshd.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

describeClient('ssh2', ['ssh-keygen', 'sshd'], () => {
  const sshd = started(startSshd);
  const echo = started(startEcho);
  const connect = async (route: Route): Promise<Client> => {
    const privateKey = readFileSync(join(sshd().folder.path, SSH_KEY));
    const client = new ssh2.Client().connect({
      sock: route.through.connect(route.port, route.host),
      username: userInfo().username,
      privateKey,
    });
    await once(client, 'ready');
    return client;
  };
  const end = async (client: Client): Promise<void> => {
    const closing = once(client, 'close');
    client.end();
    await closing;
  };

  eachRoute({ 'trace + socks5': () => sshd().ports.port }, (open) => {
    spec('runs a program, and pipes 1 MiB through it', async (h) => {
      const client = await connect(await open(h));
      const channel = await promisify(client.exec.bind(client))('cat');
      channel.end(PAYLOAD);
      h.sameBytes(await buffer(channel), PAYLOAD);
      await end(client);
    });

    spec('writes and reads a file of 1 MiB by SFTP', async (h) => {
      const client = await connect(await open(h));
      const sftp = await promisify(client.sftp.bind(client))();
      const path = join(sshd().folder.path, 'bytes');
      await promisify(sftp.writeFile.bind(sftp))(path, PAYLOAD);
      h.sameBytes(await promisify(sftp.readFile.bind(sftp))(path), PAYLOAD);
      await end(client);
    });

    spec('forwards a connection to an echo, and carries 1 MiB each way', async (h) => {
      const client = await connect(await open(h));
      const channel = await promisify(client.forwardOut.bind(client))('127.0.0.1', 0, '127.0.0.1', echo().port);
      channel.end(PAYLOAD);
      h.sameBytes(await buffer(channel), PAYLOAD);
      await end(client);
    });

    spec('closes when it is destroyed', async (h) => {
      const client = await connect(await open(h));
      const closing = once(client, 'close');
      client.destroy();
      await closing;
      expect(true).toBe(true);
    });
  });
});
