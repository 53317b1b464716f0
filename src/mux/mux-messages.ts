/** What each message about a mux carries. */
export interface MuxMessage<Mux> {
  /** The mux, as `mux` returns it. */
  readonly mux: Mux;
}

/** The diagnostics of multiplexed connections. */
export interface MuxMessages<Mux> {
  /** A stream of the mux was opened. */
  'mux:open': MuxMessage<Mux> & {
    /** The number of the stream in the frames of the mux: `stream` in the details of its wire. */
    readonly streamId: number;
    /** Whether we have opened it, or have accepted it. */
    readonly role: 'client' | 'server';
  };
  /** A stream of the mux has ended. */
  'mux:closed': MuxMessage<Mux> & { readonly streamId: number };
  /** The peer has answered a ping of `keepAlive` after `roundTrip` ms. */
  'mux:ping': MuxMessage<Mux> & { readonly roundTrip: number };
}
