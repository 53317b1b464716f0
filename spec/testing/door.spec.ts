import assert from 'node:assert/strict';
import { it } from 'vitest';
import * as door from 'rxjs-io-stream/testing';

it('opens these names and no others', () => {
  assert.deepEqual(Object.keys(door).sort(), [
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
    'toMarbles',
    'wirePeer',
  ]);
});
