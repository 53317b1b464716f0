const LIGHT = `
.panel{fill:#fff;stroke:#d0d7de}
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}
.dim,.time,.tick,.total{fill:#57606a}
.tick,.strip-text,.legend{font-size:11px}
.name{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.label,.symbol{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.symbol{font-weight:700;font-size:10px;text-anchor:middle;fill:#fff}
.before{text-anchor:end}.mid{text-anchor:middle}
.grid{stroke:#eaeef2}.base{stroke:#afb8c1}
.bar.out{fill:#0969da}.bar.in{fill:#1a7f37}
.bar.missing{fill:none;stroke:#cf222e;stroke-dasharray:2 1.5}.bar.unexpected{fill:#cf222e}
.label.bad{fill:#cf222e;font-weight:600}
.sent{fill:#1a7f37}
.unsent{fill:#54aeff;fill-opacity:.45;stroke:#0969da;stroke-width:.6}
.paused{fill:url(#paused);stroke:#bf8700;stroke-width:.5}.hatch{stroke:#d4a72c;stroke-width:1.5}
.box{fill:#57606a}.connected .box,.resolved .box{fill:#1a7f37}.error .box,.missing .box,.unexpected .box,.unsubscribed .box{fill:#cf222e}
.pause .box,.resume .box{fill:#9a6700}
.missing .box{fill-opacity:.45}
.strip{fill:#fff8c5;stroke:#d4a72c;stroke-width:.5}.strip.net{fill:#dafbe1;stroke:#4ac26b}
.break{fill:#f6f8fa}.break-line{stroke:#8c959f;stroke-dasharray:3 3;fill:none}
.phase{fill:#0969da}.resolve{fill:#8250df}.connect{fill:#bc4c00}.handshake{fill:#bf8700}.close{fill:#6e7781}.failed{fill:#cf222e}
.cursor{stroke:#cf222e;stroke-width:1.5}`;

const DARK = `
.panel{fill:#0d1117;stroke:#30363d}
text{fill:#e6edf3}
.dim,.time,.tick,.total{fill:#9198a1}
.symbol{fill:#0d1117}
.grid{stroke:#21262d}.base{stroke:#484f58}
.bar.out{fill:#58a6ff}.bar.in{fill:#3fb950}
.bar.missing{stroke:#ff7b72}.bar.unexpected{fill:#ff7b72}
.label.bad{fill:#ff7b72}
.sent{fill:#3fb950}
.unsent{fill:#1f6feb;stroke:#58a6ff}
.paused{stroke:#d29922}.hatch{stroke:#9e6a03}
.box{fill:#9198a1}.connected .box,.resolved .box{fill:#3fb950}.error .box,.missing .box,.unexpected .box,.unsubscribed .box{fill:#ff7b72}
.pause .box,.resume .box{fill:#d29922}
.strip{fill:#3b2300;stroke:#9e6a03}.strip.net{fill:#033a16;stroke:#238636}
.break{fill:#161b22}.break-line{stroke:#6e7681}
.phase{fill:#58a6ff}.resolve{fill:#a371f7}.connect{fill:#db6d28}.handshake{fill:#d29922}.close{fill:#8b949e}.failed{fill:#ff7b72}
.cursor{stroke:#ff7b72}`;

/** The style of a picture: light, and dark where the reader prefers it. */
export const SVG_STYLE: string = [':root{color-scheme:light dark}', LIGHT, '\n@media(prefers-color-scheme:dark){', DARK, '\n}'].join('');
