<?php
declare(strict_types=1);

namespace Board;

function answer(string $method, string $path): void
{
    $id = preg_match('#^/api/notes/(\d{1,9})$#', $path, $found) ? (int) $found[1] : null;
    match (true) {
        "$method $path" === 'GET /' => page(),
        "$method $path" === 'POST /' => from_form(),
        "$method $path" === 'GET /api/health' => json(['ok' => true, 'notes' => count_notes()]),
        "$method $path" === 'GET /api/notes' => json(notes((string) ($_GET['order'] ?? 'newest'))),
        "$method $path" === 'POST /api/notes' => post(),
        "$method $path" === 'POST /api/files' => upload(),
        $method === 'GET' && $id !== null => json(note($id) ?? ['error' => 'no such note'], note($id) ? 200 : 404),
        $method === 'DELETE' && $id !== null => delete($id) ? json([], 204) : json(['error' => 'no such note'], 404),
        default => json(['error' => 'nothing here'], 404),
    };
}

function json(array $what, int $status = 200): void
{
    http_response_code($status);
    header('Content-Type: application/json');
    if ($status !== 204) {
        echo json_encode($what, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
    }
}

function written(): ?array
{
    $author = trim((string) ($_POST['author'] ?? ''));
    $text = trim((string) ($_POST['text'] ?? ''));
    $good = $author !== '' && $text !== '' && strlen($author) <= 80 && strlen($text) <= 2000;
    return $good ? [$author, $text] : null;
}

function post(): void
{
    $note = written();
    $note === null ? json(['error' => 'author and text, please'], 400) : json(['id' => add(...$note)], 201);
}

function from_form(): void
{
    $note = written();
    if ($note !== null) {
        add(...$note);
    }
    header('Location: /', true, 303);
}

function upload(): void
{
    $file = $_FILES['file'] ?? null;
    if ($file === null || $file['error'] !== UPLOAD_ERR_OK) {
        $large = $file === null || in_array($file['error'], [UPLOAD_ERR_INI_SIZE, UPLOAD_ERR_FORM_SIZE], true);
        json(['error' => 'the file did not arrive'], $large ? 413 : 400);
        return;
    }
    $name = bin2hex(random_bytes(4)) . '-' . preg_replace('/[^A-Za-z0-9._-]/', '_', basename($file['name']));
    if (!move_uploaded_file($file['tmp_name'], __DIR__ . "/../public/uploads/$name")) {
        json(['error' => 'the file could not be kept'], 500);
        return;
    }
    chmod(__DIR__ . "/../public/uploads/$name", 0644);
    json(['url' => "/uploads/$name"], 201);
}

function page(): void
{
    $list = '';
    foreach (notes('newest') as $note) {
        [$author, $text] = array_map(htmlspecialchars(...), [$note['author'], $note['text']]);
        $list .= "<li><b>$author</b> <time>{$note['written']}</time><p>$text</p></li>\n";
    }
    header('Content-Type: text/html; charset=utf-8');
    echo <<<HTML
        <!DOCTYPE html>
        <html lang="en">
        <head>
          <meta charset="utf-8">
          <title>The board</title>
          <link rel="stylesheet" href="/assets/board.css">
          <script src="/assets/board.js" defer></script>
        </head>
        <body>
          <h1><img src="/assets/logo.png" alt="" width="32" height="32"> The board</h1>
          <form method="post" action="/">
            <input name="author" placeholder="Your name" maxlength="20" required>
            <input name="text" placeholder="What is new?" maxlength="500" required>
            <button>Pin it</button>
          </form>
          <ul>
        $list</ul>
        </body>
        </html>

        HTML;
}
