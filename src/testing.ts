// Wires and what they are dialled with
export { memoryPair, type MemoryPairOptions } from './testing/memory-pair.ts';
export { testDial, type TestDialOptions } from './testing/test-dial.ts';

// Cutting bytes
export { rechunk, type Cut, type RechunkOptions } from './testing/rechunk.ts';

// Checking wires
export { checkWire, type CheckWireOptions, type WireUnderTest } from './testing/check-wire.ts';
export { wirePeer, type Peer } from './testing/peer.ts';

// Checking plugins
export { checkPlugin, type CheckPluginOptions, type PluginPeer } from './testing/check-plugin.ts';
export { scriptedPeer, type PeerStep } from './testing/script.ts';

// What a check found
export { type Report, type RuleResult } from './testing/report.ts';
