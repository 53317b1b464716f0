/** Sizes of a picture, in px. */
export const WIDTH = 960;
export const PLOT_LEFT = 168;
export const PLOT_WIDTH = 684;
export const PLOT_RIGHT: number = PLOT_LEFT + PLOT_WIDTH;
export const MARGIN = 24;
/** From the top of a lane: its baseline, and the height above it that bars may take. */
export const BASELINE = 46;
export const BAR_HEIGHT = 26;
/** Below the baseline: where `sent` and the unsent bytes are drawn. */
export const UNSENT_HEIGHT = 22;
export const LANE_HEIGHT = 62;
export const MARK_WIDTH = 12;
export const BAR_WIDTH = 9;
/** In a dense picture, signals within this distance are one bar. */
export const BIN_WIDTH = 5;
/** The width of a character of the labels at most, which are 11 px of a monospaced font. */
export const CHAR_WIDTH = 6.7;
