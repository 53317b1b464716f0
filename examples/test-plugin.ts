// A test of your own plugin, without a socket and in virtual time.
//   npx tsx examples/test-plugin.ts
import { handshake } from 'rxjs-io-stream';
import { checkPlugin, rechunk } from 'rxjs-io-stream/testing';

const channel = handshake({
  *talk(link) {
    link.send('JOIN news\n');
    return { answer: yield* link.readUntil('\n', 256) };
  },
});

// Its peer's part of the conversation. A few hundred connections: every cut of the peer's bytes, leftovers, EOF, reset and
// unsubscription at every step, pauses both ways, timeouts.
const report = await checkPlugin(channel, [{ expect: 'JOIN news\n' }, { send: 'WELCOME\n' }]);
console.log(String(report));
report.assert(); // throws with the broken rules and the shortest input that breaks each

// For your own codec or parser: all the ways to split its input.
for (const { name, chunks } of rechunk('WELCOME\n', { random: 2, seed: 7 })) console.log(name, chunks.length);
