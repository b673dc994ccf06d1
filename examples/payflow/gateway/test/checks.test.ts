/*
 * Goal: docs/api-gateway-checks.md says exactly what happens to a request, in its order.
 * Method: the mounted application is read and its tables are written anew; after a change,
 * `pnpm exec vitest run examples/payflow/gateway -u --project unit` writes them into the document.
 */
import { readFileSync } from 'node:fs'
import { PROBLEMS, type ProblemCode } from '@payflow-app/contracts'
import { API_OPERATIONS, apiRoute, problemsOf, type ApiRateLimit } from '@payflow-app/contracts/api'
import { beforeAll, describe, expect, test } from 'vitest'
import { RATE_LIMITS, rateVariableName, type LimitSubject } from '../src/rate-limits/policies.ts'
import { everyRequest, onRoutes, type Check } from './checks.ts'
import { realChecks, type Mounted } from './real-checks.ts'

const path = new URL('../../../../docs/api-gateway-checks.md', import.meta.url)

let mounted: Mounted[]
beforeAll(async () => {
  mounted = await realChecks()
})

const middleware = () => mounted.flatMap((one) => (one.kind === 'middleware' ? [one.name] : []))

/** The checks of an operation, in order. */
function chainOf(method: string, routePath: string): readonly string[] {
  const found = mounted.flatMap((one) =>
    one.kind === 'route' && one.path === routePath ? (one.methods[method] ?? []) : [],
  )
  expect(found, `${method} ${routePath} is not mounted`).not.toEqual([])
  return found
}

const codesOf = ({ refuses }: Check): string =>
  refuses.map((code) => `${PROBLEMS[code].status} \`${code}\``).join(', ') || '–'

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function checksTable(checks: Readonly<Record<string, Check>>): string {
  const rows = Object.entries(checks).map(([name, check], at) => [
    String(at + 1),
    check.what,
    codesOf(check),
    `\`${name}\``,
  ])
  return table(['', 'check', 'refuses with', 'in the code'], rows)
}

function routesTable(): string {
  const steps = Object.keys(onRoutes)
  const rows = API_OPERATIONS.map((operation) => {
    const { method, path: routePath } = apiRoute(operation)
    const chain = chainOf(method, routePath)
    const numbers = steps.map((step) =>
      chain.includes(step) ? String(chain.indexOf(step) + 1) : '',
    )
    return [`\`${method} ${routePath}\``, ...numbers]
  })
  return table(['route', ...steps.map((step) => `\`${step}\``)], rows)
}

function limitsTable(): string {
  const rows = Object.entries(RATE_LIMITS).flatMap(([limit, { rates, onRedisFailure, why }]) =>
    Object.entries(rates).map(([subject, { requests, windowS }], at) => [
      limit,
      subject,
      `${requests} in ${windowS} s`,
      `\`${rateVariableName(limit as ApiRateLimit, subject as LimitSubject)}\``,
      onRedisFailure === 'open' ? 'goes on, uncounted' : 'is counted by each gateway alone',
      at === 0 ? why : '',
    ]),
  )
  return table(['limit', 'by', 'default', 'variable', 'without Redis', 'why'], rows)
}

function limitedRoutesTable(): string {
  const rows = Object.keys(RATE_LIMITS).map((limit) => {
    const routes = API_OPERATIONS.map(apiRoute).filter(({ rateLimit }) => rateLimit === limit)
    return [limit, routes.map((one) => `\`${one.method} ${one.path}\``).join(', ')]
  })
  return table(['limit', 'routes that share it'], rows)
}

/** The document with each generated part written anew. */
function written(text: string): string {
  const parts: Readonly<Record<string, string>> = {
    'every request': checksTable(everyRequest),
    'on routes': checksTable(onRoutes),
    routes: routesTable(),
    limits: limitsTable(),
    'limited routes': limitedRoutesTable(),
  }
  return Object.entries(parts).reduce((before, [name, part]) => {
    const [begin, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`]
    const [from, to] = [before.indexOf(begin), before.indexOf(end)]
    expect(from >= 0 && to > from, `the document has no part "${name}"`).toBe(true)
    return `${before.slice(0, from)}${begin}\n\n${part}\n\n${before.slice(to)}`
  }, text)
}

describe('docs/api-gateway-checks.md', () => {
  test('is what the mounted application does', async () => {
    await expect(written(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path.pathname)
  })

  test('lists what every request passes, in its order, and nothing else', () => {
    const before = middleware().slice(0, Object.keys(everyRequest).length)
    expect(before).toEqual(Object.keys(everyRequest))
    expect(middleware().slice(before.length)).toEqual([
      // After the routes: what no route took.
      'serveStatic', // /api/docs, our own files
      'onlyDocsAssets',
      'serveStatic', // /api/docs, those of Swagger UI
      'noSuchDocsFile',
      'refuseUnknownApiPath',
      'serveStatic', // /assets
      'refuseUnknownAsset',
      'serveStatic', // the page
      'sendWebPage',
      'refuseUnknownPath',
      'answerProblem',
    ])
  })

  test('has the checks of every route in the one order they have', () => {
    const order = Object.keys(onRoutes)
    for (const operation of API_OPERATIONS) {
      const { method, path: routePath } = apiRoute(operation)
      const chain = chainOf(method, routePath)
      expect(chain, operation).toEqual(order.filter((name) => chain.includes(name)))
      const { success } = apiRoute(operation)
      expect(chain.at(-1)).toBe(success.events ? 'forwardEvents' : 'forwardRequest')
    }
  })

  test.each(API_OPERATIONS)('names each problem of %s with who refuses', (operation) => {
    const route = apiRoute(operation)
    const checks = { ...everyRequest, ...onRoutes }
    const passed = [...Object.keys(everyRequest), ...chainOf(route.method, route.path)]
    const codes = new Set<ProblemCode>(passed.flatMap((name) => checks[name]?.refuses ?? []))
    // Before any check: Node itself. After all of them: the service, and what nobody foresaw.
    for (const code of ['request-timeout', 'headers-too-large', 'internal-error'] as const) {
      codes.add(code)
    }
    for (const code of route.problems) codes.add(code)
    if (!route.params && !route.query && !route.body) codes.delete('validation-failed')
    if (route.method === 'GET') codes.delete('forbidden')
    expect(problemsOf(route).toSorted()).toEqual([...codes].toSorted())
  })
})

describe('the routes of the gateway', () => {
  test('are those of the contract, the documents and the operators, and no other', () => {
    const own = mounted.flatMap((one) =>
      one.kind === 'route' ? Object.keys(one.methods).map((method) => `${method} ${one.path}`) : [],
    )
    const described = API_OPERATIONS.map(apiRoute).map(({ method, path: at }) => `${method} ${at}`)
    const others = [
      '/health/live',
      '/health/ready',
      '/health/startup',
      '/metrics',
      '/api/openapi.json',
      '/api/docs',
    ]
    expect(new Set(own)).toEqual(new Set([...described, ...others.map((at) => `GET ${at}`)]))
    expect(own).toHaveLength(described.length + others.length)
  })
})
