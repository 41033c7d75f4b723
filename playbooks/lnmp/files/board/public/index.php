<?php
declare(strict_types=1);

require __DIR__ . '/../src/notes.php';
require __DIR__ . '/../src/answer.php';

Board\answer($_SERVER['REQUEST_METHOD'], (string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
