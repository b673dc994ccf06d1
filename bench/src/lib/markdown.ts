import { scoreboardMarkdown } from './scoreboard.ts'
import { type Findings, type Result, type Row, rounded, type Section } from './result.ts'

/** `results/NAME.md`: what the JSON has, for people, with the correctness column and the chart. */
export function markdown(result: Result, findings: Findings, about: string): string {
  const { name, at, environment } = result
  const servers = Object.entries(environment.servers).map(([kind, version]) => `${kind} ${version}`)
  const settings = Object.entries(environment.settings).map(([key, value]) => `${key}=${value}`)
  const quick = environment.mode === 'quick' ? ' --quick' : ''
  const worth = quick === '' ? '' : ' in **quick** mode, too short to be worth keeping,'
  const [fdatasync, fdatasyncAfter] = environment.fdatasyncMicros
  return [
    `# Benchmark: ${name}`,
    '',
    about,
    '',
    `Run it: \`npm run bench -- ${name}${quick}\`. What the figures are worth: [README](../README.md).`,
    '',
    `Measured ${at.slice(0, 10)}${worth} on ${environment.cpu}, ${environment.cores} cores, ${environment.memoryGb} GB, ${environment.system}, Node ${environment.node}, ${servers.join(', ')}. Clients and servers share the cores. fdatasync of a page took ${fdatasync} µs before and ${fdatasyncAfter} µs after; the load average was ${environment.loadBefore} when it began.`,
    '',
    `Settings: ${settings.map((text) => `\`${text}\``).join(' ')}.`,
    '',
    ...claims(result, findings),
    `![chart](${name}.svg)`,
    '',
    ...(findings.scoreboard === undefined ? [] : scoreboardMarkdown(findings.scoreboard)),
    ...findings.sections.flatMap(section),
    ...faults(findings.faults),
  ].join('\n')
}

function claims({ claims: list }: Result, findings: Findings): string[] {
  if (list.length === 0) return []
  return [
    '## Claims',
    '',
    ...table(
      ['', 'claim', 'target', 'measured', 'holds'],
      list.map((claim) => [
        claim.id,
        claim.text,
        figure(claim.target),
        figure(claim.value),
        claim.holds ? 'yes' : '**no**',
      ]),
    ),
    ...findings.claims.flatMap(({ id, remark }) =>
      remark === undefined ? [] : [`- ${id}: ${remark}`],
    ),
    '',
  ]
}

function section({ title, note, rows }: Section): string[] {
  const checked = rows.some((row) => row.correct !== undefined)
  return [
    `## ${title}`,
    '',
    ...(note === undefined ? [] : [note, '']),
    ...table(
      ['case', 'median', 'min – max', 'unit', 'n', ...(checked ? ['correct'] : [])],
      rows.map((row) => [
        row.case,
        figure(row.median),
        range(row),
        row.unit,
        String(row.n),
        ...(checked ? [row.correct ?? ''] : []),
      ]),
    ),
    '',
  ]
}

const range = (row: Row): string =>
  row.min === row.max ? '' : `${figure(row.min)} – ${figure(row.max)}`

function faults(list: readonly string[]): string[] {
  if (list.length === 0) return ['After every case the data were as they should be.', '']
  return ['## Faults', '', ...list.map((fault) => `- ${fault}`), '']
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line), '']
}

/** 4812 → 4,812 and 0.9483 → 0.948. */
export const figure = (value: number): string => rounded(value).toLocaleString('en-US')
