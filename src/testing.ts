// Wires and dials
export { memoryPair, type MemoryPairOptions } from './testing/memory-pair.ts';
export { testDial, type TestDialOptions } from './testing/test-dial.ts';

// Fault injection
export { chaos, type ChaosOptions } from './testing/chaos.ts';

// Splitting bytes
export { rechunk, type Cut, type RechunkOptions } from './testing/rechunk.ts';

// Checking wires
export { checkWire, type CheckWireOptions, type WireUnderTest } from './testing/check-wire.ts';
export { wirePeer, type Peer } from './testing/peer.ts';

// Checking plugins
export { checkPlugin, type CheckPluginOptions, type PluginPeer } from './testing/check-plugin.ts';
export { scriptedPeer, type PeerStep } from './testing/script.ts';

// Checking codecs
export { checkCodec, type CheckCodecOptions, type CodecUnderTest } from './testing/check-codec.ts';

// Byte marbles
export { marbles, type MarbleResult, type MarbleTest } from './testing/marbles.ts';
export type { MarbleValue } from './testing/marbles-diagram.ts';

// Recording and replaying
export type { LineName } from './testing/marbles-diagram.ts';
export { record, type RecordOptions } from './testing/record.ts';
export { parseRecording, type RecordedEntry, type RecordedSignal, type Recording } from './testing/recording.ts';
export { replay, type ReplayOptions } from './testing/replay.ts';
export { toMarbles, type Marbles, type ToMarblesOptions } from './testing/to-marbles.ts';

// Reports of the checks
export { type Report, type RuleResult } from './testing/report.ts';
