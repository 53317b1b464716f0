import { expect, it } from 'vitest';
import * as door from 'rxjs-io-stream/testing';

it('rxjs-io-stream/testing exports these names and no others', () => {
  expect(Object.keys(door).sort()).toStrictEqual([
    'chaos',
    'checkCodec',
    'checkPlugin',
    'checkWire',
    'marbles',
    'memoryPair',
    'parseRecording',
    'rechunk',
    'record',
    'replay',
    'scriptedPeer',
    'testDial',
    'toHtml',
    'toMarbles',
    'toMermaid',
    'toPcapng',
    'toSvg',
    'wirePeer',
  ]);
});
