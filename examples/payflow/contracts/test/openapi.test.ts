/*
 * Goal: the OpenAPI document is valid, complete, and the one that is checked in.
 * Method: Redocly's linter with its rules for OpenAPI 3.1, and a comparison with openapi.json. After
 * a change of the contracts, `pnpm exec vitest run examples/payflow/contracts -u` writes it anew.
 */
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { describe, expect, test } from 'vitest'
import { API_OPERATIONS, apiRoute, openApiDocument, problemsOf } from '../src/api/index.ts'
import { PROBLEMS } from '../src/index.ts'

const document = openApiDocument()

async function faultsOf(text: string): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      // It is served by whoever serves the API, so its address is relative.
      'no-server-example.com': 'off',
      'security-defined': 'error',
      'operation-operationId-unique': 'error',
      'path-parameters-defined': 'error',
    },
  })
  const found = await lintFromString({ source: text, absoluteRef: 'openapi.json', config })
  return found.map(
    ({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer} ${message}`,
  )
}

describe('openApiDocument', () => {
  test('is a valid OpenAPI 3.1 document', async () => {
    expect(await faultsOf(JSON.stringify(document))).toEqual([])
  })

  test('is looked at by a linter that sees faults', async () => {
    const broken = JSON.parse(JSON.stringify(document)) as any
    broken.paths['/api/users/{id}'].get.parameters = []
    broken.components.schemas.Wallet.type = 'bag'
    broken.paths['/api/users'].get.responses['200'].content['application/json'].schema.$ref = '#/x'
    const rules = (await faultsOf(JSON.stringify(broken))).map((fault) => fault.split(' ')[0])
    expect(rules).toEqual(
      expect.arrayContaining(['path-parameters-defined', 'struct', 'no-unresolved-refs']),
    )
  })

  test('is the one that is checked in', async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json')
  })

  test.each(API_OPERATIONS)('describes every answer of %s', (operation) => {
    const route = apiRoute(operation)
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    const described = document.paths[path]?.[route.method.toLowerCase()] as any
    expect(described.operationId).toBe(operation)
    const statuses = problemsOf(route).map((code) => PROBLEMS[code].status)
    const { success } = route
    const noneLeft = success.noneLeft === undefined ? [] : [204]
    const all = [...new Set([success.status, ...noneLeft, ...statuses])].map(String)
    expect(Object.keys(described.responses).toSorted()).toEqual(all.toSorted())
  })
})
