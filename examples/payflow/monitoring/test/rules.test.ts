/*
 * Goal: each alert fires when it should and only then.
 * Method: promtool checks the rules and plays the cases of src/cases. Then every rule is broken in
 * seven ways, and each time some case must notice: thresholds are exact, waits neither too short
 * nor too long. The files in the repository are those that this package makes.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FLOW_ALARM, QUEUE_BANDS } from '@payflow-app/contracts'
import { reversalVariables } from '@payflow-app/worker/reversal'
import { findPrometheus } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALERTS, LEASH_S } from '../src/alerts/index.ts'
import { ALERT_CASES, ruleTestsFile } from '../src/cases/index.ts'
import { generatedFiles } from '../src/files.ts'
import { ruleGroups, rulesFile, yaml } from '../src/rules.ts'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'payflow-rules-'))
let promtool: string

// An installation takes a minute where there is none yet.
beforeAll(async () => {
  ;({ promtool } = await findPrometheus())
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true }))

type Group = ReturnType<typeof ruleGroups>[number]

/**
 * Which alerts the cases find wrong in a file of rules. A file for each: promtool evaluates all that
 * is in a file for each case, which takes ten times as long.
 */
function wrongIn(groups: readonly Group[]): Set<string> {
  const files = groups.flatMap(({ name, rules }) =>
    rules.map((rule) => {
      const path = join(folder, rule.alert)
      const cases = ALERT_CASES.filter(({ alert }) => alert === rule.alert)
      writeFileSync(`${path}.yml`, yaml({ groups: [{ name, rules: [rule] }] }))
      writeFileSync(`${path}.test.yml`, ruleTestsFile(`${rule.alert}.yml`, cases))
      return `${path}.test.yml`
    }),
  )
  const { stdout, stderr, status } = spawnSync(promtool, ['test', 'rules', ...files], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
  })
  const output = `${stdout}${stderr}`
  const names = [...output.matchAll(/alertname: ?(\w+)/g)].map(([, name = '']) => name)
  expect(status, output).toBe(names.length === 0 ? 0 : 1)
  return new Set(names)
}

describe('promtool', () => {
  test('finds nothing wrong with the rules', () => {
    const path = join(folder, 'checked.yml')
    writeFileSync(path, rulesFile())
    const said = execFileSync(promtool, ['check', 'rules', '--lint-fatal', path], {
      encoding: 'utf8',
    })
    expect(said).toContain(`SUCCESS: ${ALERTS.length} rules found`)
  })

  test('sees every case come out as it should', () => {
    expect(wrongIn(ruleGroups())).toEqual(new Set())
  }, 60_000)
})

describe('every alert', () => {
  test.each(ALERTS.map(({ name }) => name))('%s fires in one case, and not in another', (name) => {
    const cases = ALERT_CASES.filter(({ alert }) => alert === name)
    expect(cases.some(({ fires }) => fires.length > 0)).toBe(true)
    expect(cases.some(({ fires }) => fires.length === 0)).toBe(true)
  })

  test('has one name, and says what it means', () => {
    expect(new Set(ALERTS.map(({ name }) => name)).size).toBe(ALERTS.length)
    for (const { name, summary, description } of ALERTS) {
      expect(name).toMatch(/^Payflow([A-Z][a-z]+)+$/)
      expect(summary).not.toContain('{{')
      expect(summary).not.toMatch(/\.$/)
      expect(description).toMatch(/\.$/)
    }
  })
})

/** Changes a rule; false when that cannot be done to it. */
type Mutation = (rule: { expr: string; for?: string }) => boolean

const rewritten =
  (pattern: RegExp, by: (operator: string, number: number) => string): Mutation =>
  (rule) => {
    const before = rule.expr
    rule.expr = before.replaceAll(pattern, (_, operator: string, number: string) =>
      by(operator, Number(number)),
    )
    return rule.expr !== before
  }

const mutations: Readonly<Record<string, Mutation>> = {
  'fires always': (rule) => ((rule.expr = 'vector(1)'), true),
  'never fires': (rule) => ((rule.expr = 'vector(1) > 2'), true),
  'does not wait': (rule) => rule.for !== undefined && delete rule.for,
  'waits for hours': (rule) => rule.for !== undefined && ((rule.for = '2h'), true),
  'fires at the threshold': rewritten(/ (>) ([\d.]+)/g, (_, number) => ` >= ${number}`),
  'has half the threshold': rewritten(/ ([<>]) ([1-9][\d.]*|0\.\d+)/g, (o, n) => ` ${o} ${n / 2}`),
  'has twice the threshold': rewritten(/ ([<>]) ([1-9][\d.]*|0\.\d+)/g, (o, n) => ` ${o} ${n * 2}`),
}

describe('some case notices that an alert', { timeout: 60_000 }, () => {
  test.each(Object.entries(mutations))('%s', (_, mutate) => {
    const groups = structuredClone(ruleGroups())
    const broken = groups
      .flatMap(({ rules }) => rules)
      .filter((rule) => mutate(rule))
      .map(({ alert }) => alert)
    expect(broken.length).toBeGreaterThan(10)
    const wrong = wrongIn(groups)
    expect(broken.filter((name) => !wrong.has(name))).toEqual([])
  })
})

describe('thresholds', () => {
  const exprOf = (name: string) => ALERTS.find((one) => one.name === name)?.expr

  test('of queues are those of the page', () => {
    expect(exprOf('PayflowQueueBusy')).toContain(`> ${QUEUE_BANDS.fineMax} `)
    for (const name of ['PayflowQueueDelayed', 'PayflowQueueGrowing']) {
      expect(exprOf(name)).toMatch(new RegExp(`> ${QUEUE_BANDS.busyMax}( |$)`))
    }
  })

  test('of reversals are those of the page', () => {
    const expr = exprOf('PayflowMassReversal')
    expect(expr).toContain(`[${FLOW_ALARM.windowMs / 60_000}m]`)
    expect(expr).toContain(`> ${FLOW_ALARM.reversedPercent / 100} *`)
    expect(expr).toContain(`>= ${FLOW_ALARM.reversedMin}`)
  })

  test('know the leashes that the reversal has by default', () => {
    const { DISPATCH_TIMEOUT_MS, PROCESSING_TIMEOUT_MS } = reversalVariables
    expect(LEASH_S).toEqual({
      dispatch: DISPATCH_TIMEOUT_MS.parse(undefined) / 1_000,
      processing: PROCESSING_TIMEOUT_MS.parse(undefined) / 1_000,
    })
  })
})

test.each(Object.entries(generatedFiles()))(
  '%s is what `npm run monitoring` makes',
  (path, text) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(text)
  },
)
