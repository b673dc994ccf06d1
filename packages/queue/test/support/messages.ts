import { z } from 'zod'
import { defineMessage } from '../../src/index.ts'
import type { MessageDefinition } from '../../src/index.ts'

/** What the tests' messages carry. */
export interface Note {
  subject: string
  text: string
}

export const noteSchema: z.ZodType<Note, Note> = z.object({
  subject: z.string().min(1),
  text: z.string(),
})

export const NoteWritten: MessageDefinition<Note, Note> = defineMessage({
  type: 'notes.written',
  version: 1,
  schema: noteSchema,
  key: (note) => note.subject,
})

export const NoteFiled: MessageDefinition<Note, Note> = defineMessage({
  type: 'notes.filed',
  version: 1,
  schema: noteSchema,
  key: (note) => note.subject,
})
