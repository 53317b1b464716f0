import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { describeClient, servingSockets } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

const same = (bytes: Buffer): Buffer => bytes;
const method = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const DEFINITION: grpc.ServiceDefinition = {
  echo: { ...method, path: '/Specs/Echo', requestStream: false, responseStream: false },
  chat: { ...method, path: '/Specs/Chat', requestStream: true, responseStream: true },
};
const IMPLEMENTATION: grpc.UntypedServiceImplementation = {
  echo: ((call, reply) => reply(null, call.request)) satisfies grpc.handleUnaryCall<Buffer, Buffer>,
  chat: ((call) => {
    call.on('data', (message: Buffer) => call.write(message)).on('end', () => call.end());
  }) satisfies grpc.handleBidiStreamingCall<Buffer, Buffer>,
};

/** Starts a gRPC server over sockets that `listen` accepts. Returns its port. */
async function serving(h: Harness, name: Parameters<typeof servingSockets>[1]): Promise<number> {
  const server = new grpc.Server();
  server.addService(DEFINITION, IMPLEMENTATION);
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const port = await servingSockets(h, name, (socket) => injector.injectConnection(socket));
  h.defer(() => {
    injector.destroy();
    server.forceShutdown();
  });
  return port;
}

/** The client opens its own socket, to a door. */
async function client(h: Harness, route: Route, credentials = grpc.credentials.createInsecure()): Promise<grpc.Client> {
  const { host, port } = await route.door();
  const made = new grpc.Client(`${host}:${port}`, credentials, { 'grpc.ssl_target_name_override': 'localhost' });
  h.defer(() => made.close());
  return made;
}

function echo(client: grpc.Client, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest('/Specs/Echo', same, same, message, (error, reply) => (error ? reject(error) : resolve(reply!)));
  });
}

describeClient('@grpc/grpc-js, client and server', [], () => {
  eachRoute({ 'trace + socks5': () => 0, tlsClient: () => 0 }, (open, name) => {
    spec('sends 1 MiB in each of many concurrent calls', async (h) => {
      const caller = await client(h, await open(h, await serving(h, name)));
      const calls = Array.from({ length: 8 }, () => echo(caller, PAYLOAD));
      for (const reply of await Promise.all(calls)) h.sameBytes(reply, PAYLOAD);
    });

    spec('streams 100 messages both ways, and reports a call that is cancelled', async (h) => {
      const caller = await client(h, await open(h, await serving(h, name)));
      const call = caller.makeBidiStreamRequest<Buffer, Buffer>('/Specs/Chat', same, same);
      let count = 0;
      call.on('data', () => (count += 1));
      for (let sent = 0; sent < 100; sent += 1) call.write(Buffer.from(`message ${sent}`));
      await h.until(() => count === 100);
      const failure = once(call, 'error') as Promise<[grpc.ServiceError]>;
      call.cancel();
      expect((await failure)[0].code).toBe(grpc.status.CANCELLED);
    });
  });

  eachRoute({ 'trace + socks5': () => 0 }, (open) => {
    spec('calls over its own TLS, which ends at `tlsServer`', async (h) => {
      const route = await open(h, await serving(h, 'tlsClient'));
      const caller = await client(h, route, grpc.credentials.createSsl(Buffer.from(ca)));
      h.sameBytes(await echo(caller, PAYLOAD), PAYLOAD);
    });
  });
});
