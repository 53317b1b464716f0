import { describe, expect, it } from 'vitest';
import { TcpDialogue } from '../../../src/layers/capture/tcp-dialogue.ts';
import { encodePacket, type CapturedPacket } from '../../../src/protocol/pcapng.ts';
import { readPackets } from '../../support/read-pcapng.ts';

const end = (last: number): { address: Uint8Array; port: number } => ({ address: Uint8Array.of(192, 0, 2, last), port: last });

describe('TcpDialogue', () => {
  it('counts on from 0 after the last sequence number', () => {
    const packets: CapturedPacket[] = [];
    const packet = (each: CapturedPacket): void => void packets.push(each);
    const dialogue = new TcpDialogue({ local: end(1), remote: end(2), initial: 0xfffffffe, maxBytes: Infinity, packet });
    dialogue.open('local', 0, '');
    dialogue.data('local', Buffer.from('abc'), 0);
    dialogue.sent(2, 0);
    dialogue.data('remote', Buffer.from('de'), 0);
    dialogue.sent(1, 0);
    dialogue.end('local', 0);
    const rows = readPackets(Buffer.concat(packets.map(encodePacket))).map(
      ({ direction, flags, sequence, acknowledgment }) => `${direction} ${flags} ${sequence} ${acknowledgment}`,
    );
    expect(rows).toStrictEqual([
      'out SYN 4294967294 0',
      'in SYN, ACK 4294967294 4294967295',
      'out ACK 4294967295 4294967295',
      'out PSH, ACK 4294967295 4294967295',
      'in ACK 4294967295 1',
      'in PSH, ACK 4294967295 1',
      'out ACK 2 1',
      'in ACK 1 2',
      'out FIN, ACK 2 1',
    ]);
  });
});
