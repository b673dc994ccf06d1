// Goal: any error body becomes something a person can read. Method: bodies good and bad.
import { describe, expect, it } from 'vitest'
import { toProblem } from '../src/api/problem.ts'

describe('toProblem', () => {
  it('reads code, detail and the first message of each field', () => {
    const problem = toProblem(400, {
      type: 'https://payflow.dev/problems/validation-failed',
      title: 'The request has invalid fields',
      detail: 'Two fields are invalid.',
      errors: [
        { in: 'body', pointer: '#/email', message: 'Must be an e-mail address' },
        { in: 'body', pointer: '#/email', message: 'Too long' },
        { in: 'body', pointer: '#/password', message: 'Too short' },
        { in: 'body', pointer: '#', message: 'Unknown field' },
      ],
    })
    expect(problem.code).toBe('validation_failed')
    expect(problem.detail).toBe('Two fields are invalid.')
    expect(problem.fields).toEqual({ email: 'Must be an e-mail address', password: 'Too short' })
  })

  it.each([null, '<html>', 42, [], { errors: 'none' }, { detail: 7 }])(
    'makes a sentence of %j',
    (body) => {
      expect(toProblem(502, body).detail).toBe('The server answered with status 502.')
    },
  )
})
