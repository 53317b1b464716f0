// A marble test of your own plugin. Aligned lines show what each side sends, and when. No socket, virtual time.
//   npx tsx examples/marble-test.ts
import { handshake, type Plugin } from 'rxjs-io-stream';
import { marbles } from 'rxjs-io-stream/testing';

/** Asks for a channel before anything else passes. */
const channel = (name: string): Plugin =>
  handshake({
    *talk(link) {
      link.send(`JOIN ${name}\n`);
      const answer = yield* link.readUntil('\n', 256);
      return { answer: new TextDecoder().decode(answer).trim() };
    },
  });

const plugin = channel('news');
const values = { j: 'JOIN news\n', w: 'WELCOME\n', h: 'hello', b: 'hi' };

// Bytes of the application wait for the welcome. Bytes behind the welcome belong to the application.
const { details } = marbles({
  plugin,
  values,
  diagram: `
    app:      ---h-------E-
    to wire:  -j---h-----E-
    wire:     -C---(wb)----
    to app:   -----(Cb)----
  `,
});

// A server that never replies: the handshake times out one second after the connect, and the wire is unsubscribed.
const { error } = marbles({
  plugin,
  values,
  timeouts: { handshake: 1000 },
  diagram: `
    to wire:  -j 999ms !--
    wire:     -C 999ms ---
    to app:   -- 999ms #ETOHANDSHAKE
  `,
});

// Unsubscribing during the handshake frees the wire at once.
marbles({
  plugin,
  values,
  diagram: `
    app:      ^-!---
    to wire:  -j!---
    wire:     -C-w--
    to app:   ------
  `,
});

console.log('all passed;', details[0]?.answer, 'and', (error as Error).name);
