import { z } from 'zod'

/** One field that was refused. */
export const problemField = z.object({
  /** The part of the request the field stands in. */
  in: z.enum(['body', 'query', 'path', 'header']),
  /** JSON pointer as a URI fragment (RFC 6901 §6): `#/amount`; `#` is the whole part. */
  pointer: z.string(),
  message: z.string(),
})

/** The body of every error answer (RFC 9457, `application/problem+json`). */
export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  /** The last segment of `type` in snake_case, for programs. */
  code: z.string().optional(),
  detail: z.string().optional(),
  instance: z.string().optional(),
  requestId: z.string().optional(),
  errors: z.array(problemField).optional(),
})

/** One field that was refused. */
export type ProblemField = z.infer<typeof problemField>

/** The body of every error answer. */
export type Problem = z.infer<typeof problemSchema>
