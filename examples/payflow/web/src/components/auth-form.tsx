import { useState } from 'react'
import type { FormEvent, ReactNode } from 'react'
import { ApiProblemError, problemText } from '../api/problem.ts'
import { Button } from './button.tsx'
import { FormError } from './feedback.tsx'
import { Field } from './field.tsx'

/** What was typed, by the name of the field; or what is wrong with it. */
export type Fields = Readonly<Record<string, string>>

/** What a form shows of an error: messages beside fields, and one above for the rest. */
interface FormFault {
  readonly fields: Fields
  readonly summary: string
}

const noFault: FormFault = { fields: {}, summary: '' }

/** A new password has at least so many characters; the rule itself is the server's. */
const passwordCharsMin = 10

export function EmailField({ error }: { readonly error: string | undefined }) {
  return (
    <Field
      label='E-mail address'
      name='email'
      type='email'
      autoComplete='email'
      autoCapitalize='none'
      spellCheck={false}
      required
      error={error}
    />
  )
}

/** A field for a password that somebody chooses. */
export function NewPasswordField(props: {
  readonly label: string
  readonly name: string
  readonly error: string | undefined
}) {
  return (
    <Field
      {...props}
      type='password'
      autoComplete='new-password'
      required
      hint={`At least ${passwordCharsMin} characters.`}
    />
  )
}

/** The form with its errors. The rules are the server's; the page repeats none of them. */
export function AuthForm(props: {
  readonly action: string
  /** The form may be sent again after it; where it may not, something else is shown by then. */
  readonly send: (fields: Fields) => Promise<void>
  readonly children: (errors: Fields) => ReactNode
}) {
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState(noFault)
  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget
    const input = Object.fromEntries(textsOf(new FormData(form)))
    setBusy(true)
    setFault(noFault)
    try {
      await props.send(input)
      form.reset()
    } catch (error) {
      setFault(faultOf(error))
      requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
    } finally {
      setBusy(false)
    }
  }
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className='space-y-4'>
      {fault.summary !== '' && <FormError>{fault.summary}</FormError>}
      {props.children(fault.fields)}
      <Button type='submit' busy={busy} className='w-full'>
        {props.action}
      </Button>
    </form>
  )
}

function textsOf(data: FormData): (readonly [string, string])[] {
  return [...data].map(([name, value]) => [name, typeof value === 'string' ? value : ''])
}

function faultOf(error: unknown): FormFault {
  if (!(error instanceof ApiProblemError)) return { fields: {}, summary: problemText(error) }
  const { fields, code, detail } = error.problem
  if (code === 'email_taken') {
    return { fields: { email: 'This address has a wallet already. Log in instead?' }, summary: '' }
  }
  if (code === 'invalid_credentials') {
    return {
      fields: {},
      summary:
        'The e-mail address or the password is wrong. After several wrong passwords none is ' +
        'looked at for a while; setting a new one ends that.',
    }
  }
  if (code === 'password_wrong') {
    return { fields: { currentPassword: 'This is not your current password.' }, summary: '' }
  }
  return Object.keys(fields).length > 0 ? { fields, summary: '' } : { fields: {}, summary: detail }
}
