/** The problems that several cases may find. */
export const PROBLEM = {
  notConnected: "'connected' was not emitted",
  endNotReceived: "the application sent 'end', and the peer received no end",
  endClosedBoth: "the application sent 'end', and the other direction ended too",
  endNotEmitted: "the peer ended, and Up emitted no 'end'",
  peerEndClosedBoth: 'the peer ended, and the outbound direction was closed too',
  notCompleted: 'both directions have ended, and Up did not complete',
  closeNotReceived: 'Flow completed, and the peer received no end',
  notCompletedAfterClose: 'Flow completed and the peer ended, and Up did not complete',
  notResumed: "the peer reads again, and Up emitted no 'resume'",
  stillConnected: 'the application unsubscribed, and the peer is still connected',
  resetNotReceived: 'Flow errored, and the peer was not reset',
  wrongResetError: 'Flow errored, and Up did not error with the same error',
} as const;

/** Describes timers that remain after the application unsubscribed. */
export function timersProblem(pending: number): string {
  return `the application unsubscribed, and ${pending} timers are left on the scheduler`;
}
