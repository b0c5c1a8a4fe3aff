"""The look of the HTML report: light and dark, narrow and wide, on paper."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --dim: #666;
  --block: #c62828; --ask: #b26a00; --allow: #2e7d32; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
header p { margin: .2rem 0; color: var(--dim); }
h1 { margin: .2rem 0; } h2 { margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 0; } section p { margin: .1rem 0 .4rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: 0 1.2rem 1rem;
  margin: 1.5rem 0; }
article h2 { margin-top: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt, small { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
pre { background: var(--soft); border-radius: .3rem; padding: .5rem 0; margin: .3rem 0;
  overflow-x: auto; line-height: 1.4; }
pre span, pre mark { display: grid; grid-template-columns: max-content 1fr; padding: 0 .5rem;
  white-space: pre-wrap; color: inherit; }
pre mark { background: #ffb30040; border-left: 3px solid var(--ask);
  padding-left: calc(.5rem - 3px); }
pre i { font-style: normal; }
pre strong { text-decoration: underline 2px var(--block); text-underline-offset: 3px; }
pre b { padding-right: 1ch; color: var(--dim); font-weight: normal; white-space: pre;
  user-select: none; }
em { font-style: normal; font-size: .8rem; font-weight: bold; color: #fff; padding: .1rem .5rem;
  border-radius: 1rem; white-space: nowrap; vertical-align: middle; }
.block { background: var(--block); } .ask { background: var(--ask); }
.allow { background: var(--allow); } a { text-decoration: none; }
.note { border-left: 3px solid var(--ask); padding-left: .7rem; }
.tree, .tree ul { border-left: 1px solid var(--line); padding-left: 1.2rem; list-style: none; }
.tree li { margin: .2rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; min-width: 44rem; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td:nth-child(1), td:nth-child(3), td:nth-child(4) { overflow-wrap: normal; }
@media (prefers-color-scheme: dark) { :root { --dim: #aaa; } }
@media (max-width: 40rem) { dl { display: block; } dd { margin-bottom: .4rem; } }
@media print { main { max-width: none; } article { break-inside: avoid-page; } }
""".strip()
