// Uses a server and a client, leaves both, and must then exit by itself.
import { firstValueFrom, timer } from 'rxjs';
import { connect, listen, open, persistent } from 'rxjs-io-stream';

const at = await new Promise((resolve, reject) => {
  const serving = listen({ host: '127.0.0.1', port: 0 }, (io) => io.send(io)).subscribe({
    next: ({ address }) => resolve({ host: '127.0.0.1', port: address.port, stop: () => serving.unsubscribe() }),
    error: reject,
  });
});
const { stop, ...target } = at;
const io = await open(target);
io.write('hello');
console.log((await firstValueFrom(io.data$)).toString());
const left = connect({ ...target, timeouts: { idle: 60_000 } }).subscribe();
await firstValueFrom(timer(50));
left.unsubscribe();
const line = persistent(target, { initial: 60_000 });
line.write('bye');
await firstValueFrom(line.stream$);
line.close();
io.close();
stop();
