// Wires and dials
export { memoryPair, type MemoryPairOptions } from './testing/memory/memory-pair.ts';
export { testDial, type TestDialOptions } from './testing/test-dial.ts';

// Fault injection
export { chaos, type ChaosOptions } from './testing/chaos/chaos.ts';

// Splitting bytes
export { rechunk, type Cut, type RechunkOptions } from './testing/rechunk.ts';

// Checking wires
export { checkWire, type CheckWireOptions } from './testing/rules/check-wire.ts';
export { wirePeer, type Peer } from './testing/rules/wire-peer.ts';
export type { WireUnderTest } from './testing/rules/wire/wire-under-test.ts';

// Checking plugins
export { checkPlugin, type CheckPluginOptions, type PluginPeer } from './testing/rules/check-plugin.ts';
export { scriptedPeer, type PeerStep } from './testing/rules/scripted-peer.ts';

// Checking codecs
export { checkCodec, type CheckCodecOptions } from './testing/rules/check-codec.ts';
export type { CodecUnderTest } from './testing/rules/codec/codec-under-test.ts';

// Byte marbles
export { marbles, type MarbleResult, type MarbleTest } from './testing/marbles/marbles.ts';
export type { MarbleFailure, MarbleSignal, MarbleTimeline } from './testing/marbles/timelines.ts';
export type { MarbleValue } from './testing/marbles/values.ts';

// Recording and replaying
export type { LineName } from './testing/marbles/mark.ts';
export { record, type RecordOptions } from './testing/recording/record.ts';
export { parseRecording } from './testing/recording/parse-recording.ts';
export type { RecordedEntry, RecordedSignal, Recording } from './testing/recording/recording.ts';
export { replay, type ReplayOptions } from './testing/recording/replay.ts';
export { toMarbles, type Marbles, type ToMarblesOptions } from './testing/recording/to-marbles.ts';
export { toPcapng, type ToPcapngOptions } from './testing/recording/to-pcapng.ts';

// Reports of the checks
export type { Report, RuleResult } from './testing/rules/report.ts';

// Pictures
export { toHtml } from './testing/picture/to-html.ts';
export { toMermaid } from './testing/picture/to-mermaid.ts';
export { toSvg, type PictureOptions } from './testing/picture/to-svg.ts';
export type { PicturePhase } from './testing/picture/phases.ts';
export type { Drawable } from './testing/picture/lanes.ts';
