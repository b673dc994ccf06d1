import { Link } from 'react-router'
import { session } from '../api/browser-session.ts'
import { AuthForm, EmailField, NewPasswordField } from '../components/auth-form.tsx'
import { AuthFrame } from '../components/auth-frame.tsx'
import { Field } from '../components/field.tsx'
import { useSession } from '../hooks/use-session.ts'

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
      <p className='mt-4 text-center text-sm'>
        <Link to='/forgot-password' className='font-semibold text-accent hover:underline'>
          Forgot your password?
        </Link>
      </p>
      <p className='mt-4 text-center text-sm text-soft'>
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
            <NewPasswordField label='Password' name='password' error={fault['password']} />
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
