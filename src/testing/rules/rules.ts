/** One rule of a check. */
export interface Rule {
  readonly name: string;
  /** States the rule in one sentence. */
  readonly text: string;
}

/** The rules of a check by number. */
export type Rules = Readonly<Record<number, Rule>>;

/** The rules that every wire and plugin must obey; `Wire` documents them. */
export const RULES: Rules = {
  1: { name: 'cold', text: 'Nothing happens before subscription, and one wire serves many connections.' },
  2: { name: 'order', text: "Up emits 'connected' once and before the flow, 'end' at most once, and no 'data' after 'end'." },
  3: { name: 'early bytes', text: "Until 'connected' is emitted, only 'pause' and 'resume' are sent outbound, and both take effect." },
  4: { name: 'half-close', text: "'end' closes its own direction and never the other one." },
  5: { name: 'close', text: 'Completing Flow sends all bytes and an end, erroring Flow resets, and a lost connection is an error of Up.' },
  6: { name: 'unsubscribe', text: 'Unsubscribing frees everything at once, without a goodbye and without another signal.' },
  7: { name: 'pause and resume', text: "'pause' and 'resume' are obeyed in both directions, and no bytes in flight are lost." },
  8: { name: 'sent', text: "The sum of 'sent' equals the number of written bytes if, and only if, all of them have been sent." },
  9: { name: 'leftovers', text: 'Bytes received together with the last handshake reply reach the layer above, in order.' },
  10: { name: 'ownership', text: 'No layer changes bytes that it received or passed on.' },
  11: { name: 'synchronous signals', text: 'Signals may arrive from inside next, and no layer recurses for each chunk.' },
  12: { name: 'time', text: 'All timers run on the scheduler of the dial.' },
};

/** The rules that every codec must obey. */
export const CODEC_RULES: Rules = {
  1: { name: 'round trip', text: 'Messages encode to `frames`, and decode to the same messages.' },
  2: { name: 'cuts', text: 'Any cut of the bytes decodes to the same messages, also with empty chunks between.' },
  3: { name: 'end', text: 'An end between frames completes; one inside a frame errors, after the preceding messages.' },
  4: { name: 'error', text: 'An error of the source is passed on, after the preceding messages.' },
  5: { name: 'unsubscribe', text: 'Unsubscribing leaves the source at once, and emits nothing more.' },
  6: { name: 'state', text: 'Subscriptions share no state, and each one starts empty.' },
  7: { name: 'named errors', text: 'Corrupted input ends the same way for any cut, and errors have a `code` and a `phase`.' },
  8: { name: 'ownership', text: 'Neither the input bytes nor the output bytes are changed.' },
  9: {
    name: 'synchronous bytes',
    text: 'Bytes and the end from inside next keep their order, and many frames in a chunk do not deepen the stack.',
  },
  10: { name: 'limit', text: 'A frame over the limit errors before the end of the source, after the preceding messages.' },
};

/** Returns the numbers of some rules. */
export function numbersOf(rules: Rules): number[] {
  return Object.keys(rules).map(Number);
}
