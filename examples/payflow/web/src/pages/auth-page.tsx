import { ShieldCheck } from 'lucide-react'
import { useState } from 'react'
import type { FormEvent, ReactNode } from 'react'
import { Link } from 'react-router'
import { ApiProblemError, problemText } from '../api/problem.ts'
import { session } from '../api/browser-session.ts'
import { Button } from '../components/button.tsx'
import { FormError } from '../components/feedback.tsx'
import { Field } from '../components/field.tsx'
import { Logo } from '../components/logo.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { useSession } from '../hooks/use-session.ts'

type Fields = Readonly<Record<string, string>>

/** What a form shows of an error: messages beside fields, and one above for the rest. */
interface FormFault {
  readonly fields: Fields
  readonly summary: string
}

const noFault: FormFault = { fields: {}, summary: '' }
const passwordCharsMin = 10

export function LoginPage() {
  const state = useSession()
  const expired = state.status === 'anonymous' && state.expired
  return (
    <AuthFrame title='Log in'>
      {expired && <p className='mb-4 text-sm text-soft'>Your session has ended. Please log in.</p>}
      <AuthForm
        action='Log in'
        send={({ email = '', password = '' }) => session.login({ email, password })}
      >
        {(fault) => (
          <>
            <EmailField error={fault['email']} />
            <Field
              label='Password'
              name='password'
              type='password'
              autoComplete='current-password'
              required
              error={fault['password']}
            />
          </>
        )}
      </AuthForm>
      <p className='mt-6 text-center text-sm text-soft'>
        New here?{' '}
        <Link to='/register' className='font-semibold text-accent hover:underline'>
          Open a wallet
        </Link>
      </p>
    </AuthFrame>
  )
}

export function RegisterPage() {
  return (
    <AuthFrame title='Open a wallet'>
      <AuthForm
        action='Open my wallet'
        send={({ name = '', email = '', password = '' }) =>
          session.register({ name, email, password })
        }
      >
        {(fault) => (
          <>
            <Field label='Name' name='name' autoComplete='name' required error={fault['name']} />
            <EmailField error={fault['email']} />
            <Field
              label='Password'
              name='password'
              type='password'
              autoComplete='new-password'
              required
              hint={`At least ${passwordCharsMin} characters.`}
              error={fault['password']}
            />
          </>
        )}
      </AuthForm>
      <p className='mt-6 text-center text-sm text-soft'>
        Have a wallet already?{' '}
        <Link to='/login' className='font-semibold text-accent hover:underline'>
          Log in
        </Link>
      </p>
    </AuthFrame>
  )
}

function EmailField({ error }: { readonly error: string | undefined }) {
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

/** The form with its errors. The rules are the server's; the page repeats none of them. */
function AuthForm(props: {
  readonly action: string
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
    } catch (error) {
      setFault(faultOf(error))
      setBusy(false)
      requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
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
    return { fields: {}, summary: 'The e-mail address or the password is wrong.' }
  }
  return Object.keys(fields).length > 0 ? { fields, summary: '' } : { fields: {}, summary: detail }
}

function AuthFrame(props: { readonly title: string; readonly children: ReactNode }) {
  return (
    <div className='grid min-h-dvh lg:grid-cols-2'>
      <aside className='hero hidden flex-col justify-end p-14 text-white lg:flex'>
        <ShieldCheck aria-hidden='true' className='mb-6 size-10 text-[#c9f7dc]' strokeWidth={1.5} />
        <p className='max-w-md text-4xl leading-tight font-semibold tracking-tight'>
          Every payment ends completed or failed. Exactly once.
        </p>
        <p className='mt-4 max-w-sm text-white/90'>
          Double clicks, lost answers, crashed workers: the money still moves one time or not at
          all.
        </p>
      </aside>
      <main className='flex flex-col px-5 py-8 sm:px-10'>
        <Logo />
        <div className='m-auto w-full max-w-sm py-10'>
          <PageHeading title={props.title} />
          {props.children}
        </div>
      </main>
    </div>
  )
}
