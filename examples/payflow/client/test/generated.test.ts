/*
 * Goal: the client's types are those of the API, not of last month's.
 * Method: generated anew from the OpenAPI document and compared with the file that is checked in.
 * After a change of the contracts, `pnpm exec vitest run examples/payflow/client -u` writes it anew.
 */
import { openApiDocument } from '@payflow-app/contracts/api'
import openapiTS, { astToString } from 'openapi-typescript'
import { expect, test } from 'vitest'

const head = `/*
 * Generated from the OpenAPI document by test/generated.test.ts; do not edit.
 */
`

test('the types are those of the OpenAPI document', async () => {
  const source = JSON.stringify(openApiDocument())
  const types = await openapiTS(source, { alphabetize: false })
  await expect(head + astToString(types)).toMatchFileSnapshot('../src/api.gen.ts')
})
