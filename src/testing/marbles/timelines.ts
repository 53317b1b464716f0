import { describeMark, type LineName, type Mark, type Moment } from './mark.ts';

/** A signal on a {@link MarbleTimeline}. */
export interface MarbleSignal {
  /** When it passes, in virtual ms. */
  readonly at: number;
  /** Which signal it is: `data`, `connected`, `subscribed` and so on. */
  readonly kind:
    'subscribed' | 'resolved' | 'connected' | 'data' | 'sent' | 'pause' | 'resume' | 'end' | 'complete' | 'error' | 'unsubscribed';
  /** Its symbol in the diagram; `?` for bytes without a letter. */
  readonly symbol: string;
  /** The signal in words: `data <4b 4e>`. */
  readonly text: string;
  /** The bytes of a `data` signal. */
  readonly bytes?: Uint8Array | undefined;
  /** Whether it is played, or the line that it is compared with has an equal signal at this time. */
  readonly isMatched: boolean;
}

/** One line of a run of `marbles`, as it was played, expected, or received from the plugin. */
export interface MarbleTimeline {
  /** The name of the line in the diagram. */
  readonly line: LineName;
  /** `played` by the test, `expected` by the diagram, or the `actual` signals of the plugin. */
  readonly role: 'played' | 'expected' | 'actual';
  /** The signals in order. Unless the test is `exact`, the bytes of one frame are joined. */
  readonly signals: readonly MarbleSignal[];
}

/** The `Error` that `marbles` throws if a run differs from its diagram. */
export interface MarbleFailure extends Error {
  /** Both timelines of each line that was compared, and the other lines. Not enumerable. */
  readonly timelines: readonly MarbleTimeline[];
}

/** Returns a timeline of moments. @param isMatched whether a moment has an equal one; by default all have. */
export function timelineOf(
  line: LineName,
  role: MarbleTimeline['role'],
  moments: readonly Moment[],
  isMatched: (moment: Moment) => boolean = () => true,
): MarbleTimeline {
  const signals = moments.map((moment): MarbleSignal => {
    const { frame, text, mark } = moment;
    const bytes = mark.kind === 'data' ? { bytes: mark.bytes } : {};
    return { at: frame, kind: mark.kind, symbol: text, text: describeMark(mark), ...bytes, isMatched: isMatched(moment) };
  });
  return { line, role, signals };
}

/** Returns the moments of both lines that are equal at the same time and in the same order. */
export function matchedMoments(
  expected: readonly Moment[],
  actual: readonly Moment[],
  same: (wanted: Mark, got: Mark) => boolean,
): ReadonlySet<Moment> {
  const matched = new Set<Moment>();
  let next = 0;
  for (const wanted of expected) {
    const found = actual.findIndex((got, at) => at >= next && got.frame === wanted.frame && same(wanted.mark, got.mark));
    const got = actual[found];
    if (!got) continue;
    matched.add(wanted).add(got);
    next = found + 1;
  }
  return matched;
}
