import { MailCheck } from 'lucide-react'
import { useState } from 'react'
import { Link, useLocation, useNavigate } from 'react-router'
import { toast } from 'sonner'
import { session } from '../api/browser-session.ts'
import { AuthForm, EmailField, NewPasswordField } from '../components/auth-form.tsx'
import { AuthFrame } from '../components/auth-frame.tsx'
import { FormError } from '../components/feedback.tsx'

export function ForgotPasswordPage() {
  const [sentTo, setSentTo] = useState<string | null>(null)
  return (
    <AuthFrame title='Set a new password'>
      {sentTo === null ? (
        <>
          <p className='mb-4 text-sm text-soft'>
            Tell us your address, and we send you a link by mail.
          </p>
          <AuthForm
            action='Send me a link'
            send={async ({ email = '' }) => {
              await session.forgotPassword({ email })
              setSentTo(email)
            }}
          >
            {(fault) => <EmailField error={fault['email']} />}
          </AuthForm>
        </>
      ) : (
        <LinkSent email={sentTo} />
      )}
      <p className='mt-6 text-center text-sm text-soft'>
        <Link to='/login' className='font-semibold text-accent hover:underline'>
          Back to log in
        </Link>
      </p>
    </AuthFrame>
  )
}

/** Says the same whether or not anybody has the address. */
function LinkSent({ email }: { readonly email: string }) {
  return (
    <div role='status' className='flex gap-3 rounded-xl bg-good-tint px-4 py-3.5 text-sm'>
      <MailCheck aria-hidden='true' className='mt-0.5 size-5 shrink-0 text-good' />
      <p className='min-w-0'>
        If <b className='break-words'>{email}</b> has a wallet, a link is on its way. It is good
        once, for half an hour. Look at the spam folder too.
      </p>
    </div>
  )
}

/** Where the link in the mail leads. Its token is behind the #, which no server ever sees. */
export function ResetPasswordPage() {
  const token = /(?:^#|&)token=([\w-]+)/.exec(useLocation().hash)?.[1]
  const navigate = useNavigate()
  async function reset(newPassword: string): Promise<void> {
    await session.resetPassword({ token: token ?? '', newPassword })
    toast.success('Your password is a new one. Log in with it.')
    void navigate('/login', { replace: true })
  }
  return (
    <AuthFrame title='Choose a new password'>
      {token === undefined ? (
        <FormError>This link is not complete. Open it from the mail once more.</FormError>
      ) : (
        <>
          <p className='mb-4 text-sm text-soft'>
            It ends every session of your wallet, on all devices.
          </p>
          <AuthForm action='Set the password' send={({ newPassword = '' }) => reset(newPassword)}>
            {(fault) => (
              <NewPasswordField
                label='New password'
                name='newPassword'
                error={fault['newPassword']}
              />
            )}
          </AuthForm>
        </>
      )}
      <p className='mt-6 text-center text-sm text-soft'>
        Too old, or used already?{' '}
        <Link to='/forgot-password' className='font-semibold text-accent hover:underline'>
          Get a new link
        </Link>
      </p>
    </AuthFrame>
  )
}
